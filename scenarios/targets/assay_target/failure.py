"""What went wrong, in words for the user."""


class Failure(Exception):
    """The message names what is at fault, and the mend."""


def tail(path, most_bytes=2000):
    """The end of a log, for a message."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - most_bytes))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return "(no log)"
