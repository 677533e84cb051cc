"""Training and figures of the classifier of beats."""
