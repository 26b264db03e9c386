#!/usr/bin/env bash
# End to end over several agents: what dies, is cut off and comes back.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_hosts.py "$@"
