"""The manifest and the account of the files behind it, as tables: read, checked and written.

Imports are light, since this runs whenever the workflow is planned.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from angiolith.core.delimited import tsv_line
from angiolith.core.manifest_checks import (
    COLUMNS,
    DATE_COLUMNS,
    LABEL,
    ManifestError,
    Row,
    check_cells,
    check_value,
    checked_date,
    open_table,
    separator_hint,
)
from angiolith.core.names import nearest
from angiolith.core.tables import write_text_if_changed

NOT_APPLICABLE = "n/a"
TAKEN, LEFT_OUT, NOTE = "taken", "left out", "note"
NAMED = "named in the manifest"


class FileNote(NamedTuple):
    """What became of a file (or of `n_files` in a folder) of the BIDS folder, or a note on a visit.

    path: below the BIDS folder; subject, session, column: n/a where it has none; status: taken, left out or note;
    reason: why it was left out, how it was chosen among several, or what the note says.
    """

    path: str
    subject: str = NOT_APPLICABLE
    session: str = NOT_APPLICABLE
    column: str = NOT_APPLICABLE
    status: str = LEFT_OUT
    reason: str = NOT_APPLICABLE
    n_files: int = 1


def read_manifest(path: str | Path, images: str | Path | None = None) -> list[Row]:
    """Read and check a manifest; `n/a` and empty cells are missing. With `images`, its files must exist below there.

    Parameters
    ----------
    path : str | Path
        Path of the manifest.
    images : str | Path | None
        Folder below which the files must exist; None where they are not looked for.

    Returns
    -------
    list[Row]
        The rows, in their order.

    Raises
    ------
    ManifestError
        For unknown columns, bad labels, a subject-session twice, bad dates and missing files; the message names file,
        row and column.
    """
    path = Path(path)
    if not path.is_file():
        raise ManifestError(f"{path}: no such file (manifest)")
    reader = open_table(path)
    header = list(reader.fieldnames or [])
    for name in header:
        if name not in COLUMNS:
            hint = separator_hint(header) or f"; {nearest(name, COLUMNS)}"
            raise ManifestError(f"{path}: unknown column {name!r}{hint}")
        if header.count(name) > 1:
            raise ManifestError(f"{path}: the column {name!r} stands twice; delete one")
    for name in ("subject", "session"):
        if name not in header:
            raise ManifestError(f"{path}: the column {name!r} is missing; each row needs a subject and a session")
    rows = []
    lines: dict[tuple[str, str], int] = {}
    for cells in reader:
        number = reader.line_num
        check_cells(cells, f"{path}, row {number}")
        values = {key: cell.strip() for key, cell in cells.items() if (cell or "").strip() not in ("", "n/a")}
        subject = values.pop("subject", "").removeprefix("sub-")
        session = values.pop("session", "").removeprefix("ses-")
        for column, label in (("subject", subject), ("session", session)):
            if not LABEL.fullmatch(label):
                raise ManifestError(f"{path}, row {number}, {column}: {label!r} may hold letters and digits only")
        if (subject, session) in lines:
            first = lines[subject, session]
            raise ManifestError(
                f"{path}, row {number}: sub-{subject} ses-{session} stands in row {first} already; delete one"
            )
        lines[subject, session] = number
        for column, value in values.items():
            where = f"{path}, row {number}, {column}"
            check_value(column, value, where, images)
            if column in DATE_COLUMNS:
                values[column] = checked_date(value, where)
        rows.append(Row(subject, session, values))
    return sorted(rows, key=lambda row: row.key)


def manifest_text(rows: Iterable[Row]) -> str:
    """The manifest as TSV text, rows in the order given, missing as n/a.

    Parameters
    ----------
    rows : Iterable[Row]
        Rows of the manifest.

    Returns
    -------
    str
        Content of manifest.tsv.
    """
    every = ({"subject": row.subject, "session": row.session, **row.values} for row in rows)
    lines = (tsv_line(values.get(column, "n/a") for column in COLUMNS) for values in every)
    return "".join([tsv_line(COLUMNS), *lines])


def report_text(files: Iterable[FileNote]) -> str:
    """manifest_report.tsv: one row per file (or folder of files), taken or left out, with the reason.

    Parameters
    ----------
    files : Iterable[FileNote]
        Notes of the index.

    Returns
    -------
    str
        Content of manifest_report.tsv.
    """
    return "".join(
        [tsv_line(FileNote._fields), *(tsv_line(" ".join(str(cell).split()) for cell in note) for note in files)]
    )


def is_reported(note: FileNote) -> bool:
    """Whether a person should know of it: left out, a note, or chosen among several.

    Parameters
    ----------
    note : FileNote
        A note of the index.

    Returns
    -------
    bool
        True where it is shown.
    """
    return note.status != TAKEN or note.reason not in (NOT_APPLICABLE, NAMED)


def read_report(path: str | Path) -> list[FileNote]:
    """The rows of a manifest_report.tsv; none where there is no such file.

    Parameters
    ----------
    path : str | Path
        Path of manifest_report.tsv.

    Returns
    -------
    list[FileNote]
        Notes, in their order.
    """
    if not Path(path).is_file():
        return []
    every = []
    for row in open_table(path):
        path, subject, session, column, status, reason = (row[name] for name in FileNote._fields[:-1])
        every.append(FileNote(path, subject, session, column, status, reason, int(row["n_files"])))
    return every


def write_if_changed(text: str, path: Path) -> None:
    """Write text only where it differs, so that an unchanged table keeps its time stamp and triggers nothing.

    Parameters
    ----------
    text : str
        Content of the file.
    path : Path
        Path of the file to write.

    Raises
    ------
    ManifestError
        Where the file cannot be written.
    """
    try:
        write_text_if_changed(text, path)
    except OSError as error:
        raise ManifestError(
            f"{path}: cannot be written ({error.strerror}); make room, or give an output_dir that you may write to"
        ) from None
