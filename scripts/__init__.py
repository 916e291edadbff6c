"""The guide's scripts: thin doors to the command line."""
