# exit: 1
# first: Segmentation fault (process_pool_segfault.py:5, in read), then concurrent.futures.process.BrokenProcessPool: *(process_pool_segfault.py:9, in <module>)
import concurrent.futures, ctypes, multiprocessing
def read(shard):
    ctypes.string_at(0)

if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(read, [2]))
