"""How does a rendered image become a real one? Locks by uv, builds by `docker buildx build`: other processes."""
