"""Read run folders of trainings while they are written."""
