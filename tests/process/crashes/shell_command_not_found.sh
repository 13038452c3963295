#!/bin/sh
# exit: 127
# first: Exit code 127; last line on stderr: *no-such-program*not found
no-such-program --train
