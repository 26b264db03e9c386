"""What the targets below scenarios/targets share: a home below Assay's data directory, packages, processes, a database.

A target is a folder with two programs, `up` and `down`, which `assay target` starts with ASSAY_DATA set. Only the standard
library is used here: this runs before any package is installed.
"""
from .failure import Failure
from .home import Home
from .members import Members, free_port, wait_until
from .postgres import Postgres
from .target import Target
from .venv import Venv

__all__ = ["Failure", "Home", "Members", "Postgres", "Target", "Venv", "free_port", "wait_until"]
