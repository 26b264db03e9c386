#!/usr/bin/env bash
# End to end on one machine, through the command line.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_local.py "$@"
