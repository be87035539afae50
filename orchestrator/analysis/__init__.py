"""Which records are valid, what do they come to, and which build is faster? Derived on read, never stored."""
