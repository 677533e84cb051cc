"""Training of generators: the loop, its data, and what watches it."""
