# exit: 1
# first: RuntimeError: training failed (process_pool_and_an_own_error.py:10, in <module>)
# has: Behind it: ValueError: bad shard 2 (process_pool_and_an_own_error.py:5, in read)
import multiprocessing
def read(shard): raise ValueError(f"bad shard {shard}")

try:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.map(read, [2])
except ValueError as error: raise RuntimeError("training failed") from error
