"""The version of smc-core, apart from the package: what needs it does not reach for all that the package offers."""

__version__ = "0.1.0"
