# exit: 1
# first: ValueError: bad image 7 (data_loader.py:9, in __getitem__)
# has: Surfaced as ValueError: Caught ValueError in DataLoader worker process 0. (data_loader.py:19, in <module>)
# The way in which a data loader carries its worker's exception: as text in the message of a new one.
import traceback


class Images:
    def __getitem__(self, index): raise ValueError(f"bad image {index}")


def work():
    try:
        Images()[7]
    except ValueError:
        return "Caught ValueError in DataLoader worker process 0.\nOriginal " + traceback.format_exc() + "\n" * 2

padding = "x" * 2000
raise ValueError(work())
