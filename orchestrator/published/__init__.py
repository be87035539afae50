"""What was published before, what was wrong with it, and which of our builds ask the same question?"""
