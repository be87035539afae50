"""What can be asked for? Data files become nouns here, or an error that says where and what was expected."""
