"""What smc costs, beside what others cost: ``python -m benchmarks --help``."""
