#!/usr/bin/env bash
# End to end on one machine: the stack that stays up.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_stack.py "$@"
