"""The data sets of the published comparisons, read from a folder that the user has: nothing is ever downloaded."""
