"""Exit statuses of all commands, and the message of a user's mistake: one line, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """What the shell gets."""

    OK = 0
    FOUND = 1
    USAGE = 2
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "All is done, or there was nothing to do.",
    Exit.FOUND: "A job failed; or the command looked for something (verify, deidentify-check, doctor) and found it.",
    Exit.USAGE: "Wrong usage, configuration or input, or a locked folder: no job was started.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C.",
}


class UsageProblem(ValueError):
    """What the user has to correct; the message is the line that they read."""


@contextmanager
def errors_on_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Ends the command with status 2 and the message of a UsageProblem, or of an error of these kinds."""
    try:
        yield
    except Exception as problem:
        if not isinstance(problem, (UsageProblem, *kinds)):
            raise
        print(problem, file=sys.stderr)
        raise SystemExit(Exit.USAGE) from None
