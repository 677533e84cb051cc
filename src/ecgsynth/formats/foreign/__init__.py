"""Foreign files: arrays, tables and labels in layouts of other programs."""
