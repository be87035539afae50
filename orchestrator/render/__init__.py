"""What is the Dockerfile of a row? Text out of a noun: nothing here builds, and a row always gives the same text."""
