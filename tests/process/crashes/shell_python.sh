#!/bin/sh
# exit: 1
# first: Exit code 1; last line on stderr: ValueError: in python (<string>:1, in <module>)
python3 -c 'raise ValueError("in python")'
