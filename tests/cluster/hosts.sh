#!/usr/bin/env bash
# End to end over several agents, through the command line.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_hosts.py "$@"
