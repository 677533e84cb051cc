"""Diversity: does the set contain every kind of real ECG?"""
