"""Which trials, in which order, and what is left out? Pure: no engine, no file, no clock."""
