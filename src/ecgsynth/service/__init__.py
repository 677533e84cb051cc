"""The web service: the functions of the command over HTTP."""
