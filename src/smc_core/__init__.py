"""smc: machine-learning training inside containers."""
