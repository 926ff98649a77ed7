"""Tables on disk: TSV with `n/a` for missing, written whole or not at all, and the status vocabulary of every row.

A measure that could not be made is NaN with a status and a reason; zero is a measured zero.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from angiolith.core.delimited import one_cell

if TYPE_CHECKING:  # half of the jobs write JSON alone: pandas would be half of their start-up
    import pandas as pd

OK = "ok"  # measured
REVIEW = "review"  # measured, and a person should look: the reason says at what
FAILED = "failed"  # the data were there and could not be used
MISSING = "missing"  # the input does not exist for this subject-session
STATUSES = (OK, REVIEW, FAILED, MISSING)
USABLE = (OK, REVIEW)
FOUND = "found_"  # begins columns of marks as the tool found them, before any reader
WRITING = ".writing-"  # begins the name of a file that is being written
READABLE, OWNER_ALONE = 0o644, 0o600  # modes of files


@contextmanager
def atomic_path(path: str | Path, mode: int = READABLE) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffixes); it replaces `path` only if the block ends well.

    Parameters
    ----------
    path : str | Path
        Path of the file to write.
    mode : int
        Permissions of the finished file; until it is whole nobody but its owner may read it.

    Yields
    ------
    Path
        The temporary path to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".gz") else path.suffix
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=WRITING, suffix=suffix)
    os.close(handle)
    try:
        yield Path(temporary)
        os.chmod(temporary, mode)
        _to_disk(temporary)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_text_if_changed(text: str, path: Path, mode: int = READABLE) -> None:
    """Write a text file only where it differs, whole or not at all: an unchanged one keeps its time stamp.

    Parameters
    ----------
    text : str
        Content of the file.
    path : Path
        Path of the file to write.
    mode : int
        Permissions of the file.
    """
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    with atomic_path(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _to_disk(path: str) -> None:
    """Have the content on the disk before the name points to it: a power cut leaves the old file or the new one."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_tsv(path: str | Path | TextIO, **kwargs: Any) -> pd.DataFrame:
    """Read a TSV; `n/a` and empty cells are missing. Labels (subject, session, ...) stay text: "01" keeps its zero.

    Parameters
    ----------
    path : str | Path | TextIO
        Path of the table, or an open file.
    **kwargs : Any
        Passed on to `pandas.read_csv`.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    import pandas as pd

    labels = dict.fromkeys(("subject", "session", "from_session", "to_session", "participant_id", "session_id"), str)
    return pd.read_csv(
        path,
        sep="\t",
        dtype=kwargs.pop("dtype", labels),
        na_values=["n/a", ""],
        keep_default_na=False,
        encoding="utf-8-sig",
        quoting=csv.QUOTE_NONE,
        **kwargs,
    )


def write_tsv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a TSV, missing as `n/a`, floats with 9 significant digits, LF line ends, no quoting; atomically.

    A tab or a line break within a text becomes a space.

    Parameters
    ----------
    table : pd.DataFrame
        The table.
    path : str | Path
        Path of the file to write.
    """
    clean = table.copy()
    for name in table.select_dtypes(exclude="number").columns:
        clean[name] = table[name].map(lambda cell: one_cell(cell) if isinstance(cell, str) else cell)
    with atomic_path(path) as temporary:
        clean.to_csv(
            temporary,
            sep="\t",
            index=False,
            na_rep="n/a",
            float_format="%.9g",
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
        )


def read_json(path: str | Path) -> dict[str, Any]:
    """The content of a JSON file that holds an object.

    Parameters
    ----------
    path : str | Path
        Path of the file.

    Returns
    -------
    dict[str, Any]
        Key -> value.
    """
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(content: dict[str, Any], path: str | Path) -> None:
    """Write JSON with sorted keys, atomically. NaN is not JSON: pass None for missing.

    Parameters
    ----------
    content : dict[str, Any]
        Key -> value; no NaN.
    path : str | Path
        Path of the file to write.
    """
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def copy_file(source: str | Path, path: str | Path) -> None:
    """Copy a file's bytes, atomically.

    Parameters
    ----------
    source : str | Path
        Path of the file to copy.
    path : str | Path
        Path of the copy.
    """
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)


def write_not_made(*paths: str | Path) -> None:
    """Leave an empty file for each output that could not be made; the status file beside it says why.

    An empty image or transform cannot be mistaken for a result: every reader refuses it.

    Parameters
    ----------
    *paths : str | Path
        Paths of the outputs.
    """
    for path in paths:
        with atomic_path(path):
            pass


def was_made(path: str | Path | None) -> bool:
    """True if `path` names an output that exists and is not the empty mark left by `write_not_made`.

    Parameters
    ----------
    path : str | Path | None
        Path of an output, or None.

    Returns
    -------
    bool
        True where the file holds something.
    """
    return path is not None and Path(path).is_file() and Path(path).stat().st_size > 0


def join_reasons(*reasons: str | None) -> str:
    """Join reasons into one line, keeping order, each once.

    Parameters
    ----------
    *reasons : str | None
        Reasons; None and empty ones are left out.

    Returns
    -------
    str
        Reasons joined by semicolons; empty where there is none.
    """
    kept: list[str] = []
    for reason in reasons:
        if reason and reason not in kept:
            kept.append(reason)
    return "; ".join(kept)


def worst_status(*statuses: str) -> str:
    """The gravest of several statuses of parts that are all needed (failed > missing > review > ok).

    Parameters
    ----------
    *statuses : str
        Statuses of the parts.

    Returns
    -------
    str
        One status; ok where there is none.
    """
    order = (FAILED, MISSING, REVIEW, OK)
    return min(statuses, key=order.index, default=OK)
