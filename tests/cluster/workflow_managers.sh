#!/usr/bin/env bash
# Prefect and Airflow as targets, end to end.
cd "$(dirname "$0")" && exec /usr/bin/python3 test_workflow_managers.py "$@"
