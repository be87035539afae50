"""What is known of builds that may explain a time, as data: a condition on what was seen, a sentence, a source."""
