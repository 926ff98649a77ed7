"""What every job of the workflow does around its own work: its log, failures, versions, its record for the audit.

A script ends with

    if __name__ == "__main__":
        run(main, snakemake)

and `main(snakemake)` reads, calls the library and writes. Nothing here decides a result: seed and threads are pinned by
`angiolith.core.reproducible`.
"""

from __future__ import annotations

import errno
import faulthandler
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from angiolith.core.reproducible import pin
from angiolith.core.versions import versions
from angiolith.runtime import records
from angiolith.runtime.paths import require_package_of
from angiolith.runtime.version import runtime_version

AGAIN = ", then run the same command again"
REMEDIES = {
    errno.ENOSPC: f"; make room on the disk{AGAIN}",
    errno.EDQUOT: f"; make room in your quota{AGAIN}",
    errno.EFBIG: f"; raise the limit on file sizes (ulimit -f){AGAIN}",
    errno.EROFS: f"; make the output folder writable{AGAIN}",
    errno.EACCES: f"; make the file readable and the output folder writable{AGAIN}",
}


def run(main: Callable[[Any], list[str] | None], snakemake: Any) -> None:
    """Run `main(snakemake)` with output in the rule's log, its thread count honoured and the seed fixed.

    main may return paths that it wrote besides the rule's outputs: they belong to the job's record.

    A failure prints its last line and where the log is on the terminal, and the whole trace in the log.

    Parameters
    ----------
    main : Callable[[Any], list[str] | None]
        The script's own function.
    snakemake : Any
        What Snakemake hands to a script.
    """
    threads = int(snakemake.threads)
    pin(threads)
    terminal = sys.stderr
    with log_file(snakemake.log[0]) as log:
        sys.stdout = sys.stderr = log
        faulthandler.enable(log)
        start = time.perf_counter()
        try:
            require_package_of(Path(snakemake.scriptdir).parent)
            read = records.begin(snakemake.log[0], snakemake.input)
            more = main(snakemake) or []
            records.finish(
                snakemake.log[0],
                snakemake.rule,
                dict(snakemake.wildcards.items()),
                read,
                [*snakemake.output, *more],
                dict(snakemake.params.items()),
                versions(),
                runtime_version(),
            )
        except Exception as error:
            print(f"{failure_line(error)} (see {snakemake.log[0]})", file=terminal)
            with suppress(OSError):  # the disk may be full
                traceback.print_exc()
            sys.exit(1)
        finally:
            with suppress(OSError):
                for module, version in versions().items():
                    print(f"{module} {version}")
                print(f"{time.perf_counter() - start:.1f} s on {threads} thread(s)")
            faulthandler.disable()
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def tell(line: str) -> None:
    """A line for the log and for the terminal: what a person should correct though the job goes on.

    Parameters
    ----------
    line : str
        Text of one line.
    """
    print(line)
    if sys.stdout is not sys.__stdout__:
        print(line, file=sys.__stderr__)


@contextmanager
def log_file(path: str) -> Iterator[TextIO]:
    """The rule's log, open for writing; a disk that takes no more of it is no failure of its own.

    Parameters
    ----------
    path : str
        Path of the log.

    Yields
    ------
    TextIO
        The open log.
    """
    try:
        log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    except OSError as error:
        sys.exit(failure_line(error))
    try:
        yield log
    finally:
        with suppress(OSError):
            log.close()


def failure_line(error: Exception) -> str:
    """One line on a failure; for those of the disk, what to do.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    str
        One line.
    """
    remedy = REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return f"{type(error).__name__}: {error}{remedy}"
