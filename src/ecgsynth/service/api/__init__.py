"""The resources of the REST service, one file each."""
