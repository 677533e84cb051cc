"""The job engine: jobs in a database, each run in a process of its own by one runner."""
