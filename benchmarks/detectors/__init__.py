"""Agreement of QRS detectors on real recordings with synthetic ones of the same rhythms."""
