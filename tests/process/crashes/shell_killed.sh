#!/bin/sh
# exit: 137
# first: Killed by SIGKILL; it is not known by whom
kill -KILL $$
