"""What the house checks share: the project's files, and how findings are reported."""

import os
import re
import subprocess
import sys


def root():
    """The tree to check: the first argument, or the checkout this file is in."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    return os.path.realpath(sys.argv[1] if len(sys.argv) > 1 else here)


def files(pattern=""):
    """Paths, relative to the root, of files that git tracks or would track, so that a new file is checked before it is committed."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={root()}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root(), check=True, stdout=subprocess.PIPE).stdout.decode()
    found = [name for name in sorted(set(listing.split("\0")))
             if name and re.search(pattern, name) and os.path.isfile(os.path.join(root(), name))]
    return found


def read(name):
    with open(os.path.join(root(), name), encoding="utf-8", errors="replace") as file:
        return file.read()


def report(findings, checked, what):
    """Prints the findings and ends the program: 1 if there are any, or if there was nothing to check."""
    for finding in findings:
        print(finding)
    if not checked:
        print(f"nothing to check: no {what} found below {root()}")
    elif not findings:
        print(f"{checked} {what} checked")
    sys.exit(1 if findings or not checked else 0)
