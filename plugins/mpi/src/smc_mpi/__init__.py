"""Open MPI for smc. There is nothing to import in a job's code: mpi4py, or whatever uses MPI, is all that it needs."""
