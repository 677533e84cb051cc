"""The study of augmentation: what synthetic beats add to a classifier, beside what is free."""
