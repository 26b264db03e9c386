#!/usr/bin/env bash
# End to end on one machine: exports and the schema document.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_results.py "$@"
