#!/usr/bin/env bash
# Drivers, end to end: the examples of docs/driver.md, `assay driver test`, and what a driver's faults do to a run.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_drivers.py "$@"
