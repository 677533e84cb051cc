"""Files of every format with their truth, and broken ones, for the tests of readers."""
