"""The supervisor of a job, and nothing else: standard library only, small, and the last to die."""
