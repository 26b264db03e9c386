#!/usr/bin/env bash
# Loads and kinds of trigger, end to end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_loads.py "$@"
