"""The networks as a user of each framework would write them, without this project: what a backend is held against."""
