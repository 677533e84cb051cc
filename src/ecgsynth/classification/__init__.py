"""Beats of recordings by AAMI class: a classifier that knows the person's own normal beat."""
