#!/usr/bin/env bash
# The target's own records, read after the runs, end to end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_collect.py "$@"
