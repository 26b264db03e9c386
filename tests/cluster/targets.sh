#!/usr/bin/env bash
# assay target, and the systems that it brings up.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_targets.py "$@"
