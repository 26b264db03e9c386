#!/usr/bin/env bash
# assay-mock, end to end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_mock.py "$@"
