"""The reports that failing processes write for the supervisor, and how they are read."""
