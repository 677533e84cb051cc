"""Run folders of trainings, read while they are written."""
