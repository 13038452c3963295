"""The three kinds of process of a job: supervisor, prepare, and worker or script."""
