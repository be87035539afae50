"""What can run a trial: Docker, a virtual environment on this machine, or a script of pretended answers."""
