# exit: 1
# first: ValueError: rank 1 has no data (spawned_by_a_framework.py:8, in work)
import traceback
# torch.multiprocessing.spawn and joblib: an exception of their own, whose message ends with a traceback.
class ProcessRaisedException(Exception): pass

def work():
    raise ValueError("rank 1 has no data")
try:
    work()
except ValueError:
    said = traceback.format_exc()
raise ProcessRaisedException("\n\n-- Process 1 terminated with the following error:\n" + said)
