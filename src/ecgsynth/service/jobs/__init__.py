"""Long work: its database, its scheduler and the process of one job."""
