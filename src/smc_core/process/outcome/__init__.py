"""From what is known of a job's end to its exit code, ``output/success`` and ``output/failure``."""
