#!/usr/bin/env bash
# End to end over several agents: agents that die, are cut off and come back.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_agent_loss.py "$@"
