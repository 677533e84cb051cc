"""Jobs: the database, the scheduler and the process of one job."""
