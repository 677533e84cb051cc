"""Is the distribution that of real ECG?"""
