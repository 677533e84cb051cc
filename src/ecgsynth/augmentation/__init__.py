"""Augmentation: a real set and synthesizers give a set whose rare classes are filled up."""
