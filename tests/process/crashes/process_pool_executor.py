# exit: 1
# first: ValueError: bad shard 2 (process_pool_executor.py:6, in read)
import concurrent.futures, multiprocessing

def read(shard):
    raise ValueError(f"bad shard {shard}")

if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        list(pool.map(read, [2]))
