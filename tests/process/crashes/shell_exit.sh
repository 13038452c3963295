#!/bin/sh
# exit: 4
# first: Exit code 4; last line on stderr: no data
echo "no data" >&2
exit 4
