# function: re-exported from a library
from mylib.training import fit as train

__all__ = ["train"]
