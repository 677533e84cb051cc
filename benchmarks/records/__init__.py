"""Figures of systems that make 12-lead records."""
