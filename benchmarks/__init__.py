"""How fast is the tool itself? Run with `make perf`; nothing here is a test."""
