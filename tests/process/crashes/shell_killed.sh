#!/bin/sh
# exit: 137
# first: Killed by SIGKILL; the sender is unknown
kill -KILL $$
