#!/usr/bin/env bash
# End to end over several agents: coordinators and databases that die and come back.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_coordinator_loss.py "$@"
