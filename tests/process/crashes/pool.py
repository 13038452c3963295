# exit: 1
# first: ValueError: bad shard 2 (pool.py:6, in read)
# has: Surfaced as ValueError (pool.py:10, in <module>)
import multiprocessing
def read(shard):
    raise ValueError(f"bad shard {shard}")

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.map(read, [2])
