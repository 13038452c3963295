"""Programs that topics start in an environment that has smc."""
