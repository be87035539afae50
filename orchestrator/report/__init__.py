"""How does a result look? Takes data, returns text, bytes or something to draw; prints nothing."""
