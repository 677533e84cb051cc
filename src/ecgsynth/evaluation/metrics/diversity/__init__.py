"""Does the set hold every kind of real ECG?"""
