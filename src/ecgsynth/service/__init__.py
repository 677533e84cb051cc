"""The web service: the same functions as the command, over HTTP; one small file a resource."""
