"""The three kinds of process in a job: supervisor, prepare, and worker or script."""
