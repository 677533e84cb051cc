"""Jobs of the service: what each kind does, and how one is run."""
