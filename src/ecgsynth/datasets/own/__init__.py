"""What reads the user's own recordings for the data set `folder`, of whatever layout."""
