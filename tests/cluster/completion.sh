#!/usr/bin/env bash
# Triggers that start work elsewhere, followed to its end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_completion.py "$@"
