#!/usr/bin/env bash
# Containers as targets of triggers and of sampling, with a real engine, end to end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_containers.py "$@"
