"""Which build of which deep-learning framework is fastest for this model on this machine, and how sure are we?"""

__version__ = "0.1.0"
