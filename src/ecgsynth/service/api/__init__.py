"""The resources of the REST service: a file each."""
