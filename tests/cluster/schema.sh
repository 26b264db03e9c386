#!/usr/bin/env bash
# The scenario language's JSON Schema against real scenarios, judged by a validator that is not ours.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_schema.py "$@"
