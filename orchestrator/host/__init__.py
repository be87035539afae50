"""This machine: its cores, its state, the site's settings, and who holds what."""
