"""Fixtures of all tests: the same that authors of plugins get."""

pytest_plugins = ["smc_core.testing.fixtures"]
