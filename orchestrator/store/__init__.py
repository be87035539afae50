"""Where do the records live? A folder of immutable files, and an index that can be thrown away."""
