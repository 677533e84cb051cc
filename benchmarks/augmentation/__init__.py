"""The study of augmentation: gain of a classifier by synthetic beats, and by simpler methods."""
