"""`python -m ecgsynth`: the command."""

from ecgsynth.cli.main import main

main()
