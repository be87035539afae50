"""What runs inside an image: Python 3.6 to 3.13, the standard library, numpy and one framework."""
