"""ECG signals: types, filters, fiducial points, priors of contexts, and drawing."""
