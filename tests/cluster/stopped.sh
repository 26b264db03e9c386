#!/usr/bin/env bash
# End to end on one machine: runs that are interrupted or killed.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_stopped.py "$@"
