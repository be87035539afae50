"""What the user sees on the terminal. The only room that prints."""
