"""The command `ecgsynth`: one file per sub-command."""
