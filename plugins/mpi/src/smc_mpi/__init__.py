"""Open MPI for smc. A job's code imports nothing from here: it needs only mpi4py, or whatever else uses MPI."""
