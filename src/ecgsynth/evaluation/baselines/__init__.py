"""Reference values of a figure: baselines (floor) and real samples (ceiling)."""
