"""What every job of the workflow does around its own work: log, seed, threads, versions, its record for the audit.

A script ends with

    if __name__ == "__main__":
        run(main, snakemake)

and `main(snakemake)` reads, calls the library and writes.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata
from typing import Any, TextIO

from angiolith.runtime import records

DISTRIBUTIONS = {
    "ants": "antspyx",
    "SimpleITK": "SimpleITK",
    "nibabel": "nibabel",
    "numpy": "numpy",
    "pandas": "pandas",
    "firthmodels": "firthmodels",
    "formulaic": "formulaic",
    "docx": "python-docx",
    "pingouin": "pingouin",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "matplotlib": "matplotlib",
    "nilearn": "nilearn",
}


AGAIN = ", then run the same command again"
REMEDIES = {
    errno.ENOSPC: f"; make room on the disk{AGAIN}",
    errno.EDQUOT: f"; make room in your quota{AGAIN}",
    errno.EFBIG: f"; raise the limit on file sizes (ulimit -f){AGAIN}",
    errno.EROFS: f"; make the output folder writable{AGAIN}",
    errno.EACCES: f"; make the file readable and the output folder writable{AGAIN}",
}


def run(main: Callable[[Any], list[str] | None], snakemake: Any) -> None:
    """Run `main(snakemake)` with output in the rule's log, its thread count honoured and numpy's seed fixed.

    main may return paths that it wrote besides the rule's outputs: they belong to the job's record.

    A failure prints its last line and where the log is on the terminal, and the whole trace in the log.
    """
    threads = int(snakemake.threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)  # Snakemake itself limits OpenMP and BLAS
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    os.environ.setdefault("MPLBACKEND", "Agg")
    _keep_memory()
    random.seed(0)
    terminal = sys.stderr
    with log_file(snakemake.log[0]) as log:
        sys.stdout = sys.stderr = log
        faulthandler.enable(log)
        start = time.perf_counter()
        try:
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
            )
        except Exception as error:
            print(f"{told(error)} (see {snakemake.log[0]})", file=terminal)
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
    """A line for the log and for the terminal: what a person should mend though the job goes on."""
    print(line)
    if sys.stdout is not sys.__stdout__:
        print(line, file=sys.__stderr__)


def _keep_memory() -> None:
    """Use freed arrays' memory again: fetching fresh pages for each costs a job up to a third of its time (glibc)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        m_trim_threshold, m_mmap_max = -1, -4
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)


@contextmanager
def log_file(path: str) -> Iterator[TextIO]:
    """The rule's log, open for writing; a disk that takes no more of it is no failure of its own."""
    try:
        log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    except OSError as error:
        sys.exit(told(error))
    try:
        yield log
    finally:
        with suppress(OSError):
            log.close()


def told(error: Exception) -> str:
    """One line on a failure; for those of the disk, what to do."""
    remedy = REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return f"{type(error).__name__}: {error}{remedy}"


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that this process has really imported."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for module, distribution in DISTRIBUTIONS.items():
        if module in sys.modules:
            found[distribution] = _version(distribution)
    return found


_version = cache(metadata.version)  # asked for twice by each job, and slow
