"""Metrics, by question; one file or folder each."""
