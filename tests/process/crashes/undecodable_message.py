# exit: 1
# first: ValueError: data-\udcff.csv is empty (undecodable_message.py:5, in <module>)
import os
name = os.fsdecode(b"data-\xff.csv")
raise ValueError(f"{name} is empty")
