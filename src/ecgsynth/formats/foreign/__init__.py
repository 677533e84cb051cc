"""Files of others: arrays, tables and labels in layouts that are not ours."""
