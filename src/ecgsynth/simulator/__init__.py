"""Simulated ECG whose truth is known exactly."""
