"""`python -m ecgsynth`: the command."""

from ecgsynth.app.cli import main

main()
