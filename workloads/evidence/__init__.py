"""What ran, as seen from inside the process: one file per kind of fact."""
