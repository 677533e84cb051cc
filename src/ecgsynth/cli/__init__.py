"""The command `ecgsynth`: a file a sub-command."""
