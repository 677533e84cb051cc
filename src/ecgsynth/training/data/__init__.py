"""From a set to batches."""
