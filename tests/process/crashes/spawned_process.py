# exit: 1
# first: ValueError: in the spawned process (spawned_process.py:6, in work), then sys.exit(1) was called (spawned_process.py:9, in <module>)
# has: ValueError: in the spawned process
import multiprocessing, sys
def work():
    raise ValueError("in the spawned process")
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start(); process.join(); sys.exit(process.exitcode)
