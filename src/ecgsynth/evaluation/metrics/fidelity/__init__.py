"""Fidelity: is the distribution that of real ECG?"""
