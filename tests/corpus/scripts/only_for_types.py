# script: imported for its type alone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mylib import train

print("begin")
