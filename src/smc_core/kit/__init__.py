"""What plugins may build on. Its names stay; those of :mod:`smc_core.process` need not."""
