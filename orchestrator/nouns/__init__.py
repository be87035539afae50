"""The things that the tool speaks of. Import each from its own file."""
