"""What the code requires, and its installation."""
