"""What do the numbers say? Pure functions: no record, no file, no clock."""
