pytest_plugins = ["smc_core.testing.fixtures"]
