"""What a failing process leaves for the supervisor, and how that is read."""
