#!/bin/sh
# exit: 139
# first: Exit code 139: a command was killed by SIGSEGV*
sh -c 'kill -SEGV $$'
exit $?
