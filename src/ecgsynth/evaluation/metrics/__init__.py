"""The figures of the judge, by question; a file or folder each."""
