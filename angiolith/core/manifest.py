"""The manifest: one row per subject-session, one column per image. Everything the workflow does expands from its rows.

A BIDS folder is walked once with os.scandir (no BIDS library: those take minutes on large trees); or the user brings a
table. Imports are light, since this runs whenever the workflow is planned.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from angiolith.core.manifest_checks import (
    COLUMNS,
    DRAWING_SUFFIXES,
    DRAWINGS,
    LABEL,
    NIFTI,
    NO_SESSION,
    REFERENCES,
    WALL_READERS,
    ManifestError,
    check_place,
    check_space,
    check_value,
    checked_date,
    entities_of,
    open_table,
    separator_hint,
    table_rows,
)
from angiolith.core.manifest_checks import IMAGE_COLUMNS as IMAGE_COLUMNS
from angiolith.core.names import nearest
from angiolith.core.tables import atomic_path


@dataclass(frozen=True)
class Row:
    """One subject-session: its labels, dates and files (absent columns are missing)."""

    subject: str
    session: str
    values: Mapping[str, str] = field(default_factory=dict)

    def get(self, column: str) -> str | None:
        return self.values.get(column)

    @property
    def key(self) -> tuple[str, str]:
        return self.subject, self.session

    @property
    def reference(self) -> str | None:
        """The image that all others of the session are registered to: T1w, else FLAIR, ...; a lone CT serves itself."""
        return next((name for name in (*REFERENCES, "ct") if name in self.values), None)


def index_bids(bids_dir: str | Path) -> list[Row]:
    """Index `sub-*/[ses-*]/{ct,anat,vwi,angio}` and the masks under `derivatives/`; rows sorted by subject, session.

    Paths in the rows are relative to `bids_dir`. Raises ManifestError if the folder has no subjects, or if two files
    claim one column (the message says how to choose).
    """
    root = str(Path(bids_dir))
    if not os.path.isdir(root):
        raise ManifestError(f"{root}: no such folder (bids_dir)")
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for subject, session, path in _session_files(root):
        columns = found.setdefault((subject, session), {})
        column = column_of(path)
        if column:
            check_place(path, subject, session)
            columns.setdefault(column, []).append(path[len(root) + 1 :])
    if not found:
        raise ManifestError(f"{root}: holds no sub-*/ folder with images; see README, 'Your own data'")
    for derivative in _folders(f"{root}/derivatives"):
        for subject, session, path in _session_files(derivative, (*NIFTI, *DRAWINGS)):
            column = _mask_column_of(path)
            if column and (subject, session) in found:
                check_place(path, subject, session)
                columns = found[subject, session]
                columns.setdefault(column, []).append(path[len(root) + 1 :])
                if column == "arteries":
                    space = entities_of(os.path.basename(path)).get("space", "ct")
                    check_space(space, path)
                    columns["arteries_space"] = [space]
    return [
        Row(subject, session, _one_each(found[subject, session], root) | _dates(root, subject, session))
        for subject, session in sorted(found)
    ]


def _folders(path: str, prefix: str = "") -> list[str]:
    """Paths of the folders in a folder, sorted; none where there is no such folder."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if entry.name.startswith(prefix) and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _session_files(root: str, endings: tuple[str, ...] = NIFTI) -> Iterator[tuple[str, str, str]]:
    """(subject, session, file) for every file of these endings of every subject-session under a BIDS-like root."""
    for subject_dir in _folders(root, "sub-"):
        subject = os.path.basename(subject_dir).removeprefix("sub-")
        sessions = _folders(subject_dir, "ses-") or [subject_dir]
        for session_dir in sessions:
            session = os.path.basename(session_dir).removeprefix("ses-") if session_dir != subject_dir else NO_SESSION
            for label in (subject, session):
                if not LABEL.fullmatch(label):
                    raise ManifestError(f"{session_dir}: the label {label!r} may hold letters and digits only (BIDS)")
            for datatype in _folders(session_dir):
                for name in sorted(os.listdir(datatype)):
                    if name.endswith(endings):
                        yield subject, session, f"{datatype}/{name}"


def column_of(path: str) -> str | None:
    """The manifest's column for a raw image, from its folder, suffix and entities."""
    folder, name = os.path.split(path)
    folder, stem = os.path.basename(folder), name.split(".")[0]
    suffix, entities = stem.rsplit("_", 1)[-1], entities_of(stem)
    if folder == "vwi" or suffix == "vwi" or entities.get("acq", "").lower().startswith("vwi"):
        return "vwi_ce" if "ce" in entities else "vwi"
    if suffix == "ct" and folder in ("ct", "anat"):
        return "ct"
    if folder in ("anat", "swi") and suffix.lower() == "swi":
        return "swi"
    if folder == "anat" and suffix in ("T1w", "T2w", "FLAIR", "T2starw"):
        return suffix
    return "angio" if suffix == "angio" else None


def _mask_column_of(path: str) -> str | None:
    """The manifest's column for a mask made elsewhere (`derivatives/<any>/sub-*/...`)."""
    name = os.path.basename(path)
    stem = name.split(".")[0]
    suffix, description = stem.rsplit("_", 1)[-1], entities_of(stem).get("desc", "")
    if suffix in DRAWING_SUFFIXES and description in WALL_READERS:
        sidecar = name.endswith(".json") and suffix == "dseg"
        return None if sidecar else f"wall_{description}"
    if suffix in DRAWING_SUFFIXES and re.fullmatch(r"reader\d+", description):
        raise ManifestError(
            f"{path}: desc-{description}: readers are {WALL_READERS[0]} to {WALL_READERS[-1]}; rename it"
        )
    if suffix == "points" and description == "vessel":
        return "wall_points"
    if not name.endswith(NIFTI):
        return None
    if suffix == "dseg" and description == "arteries":
        return "arteries"
    return "wmh" if suffix == "mask" and description == "wmh" else None


def _one_each(columns: Mapping[str, list[str]], root: str) -> dict[str, str]:
    chosen = {}
    for column, paths in columns.items():
        if len(paths) > 1:
            plain = [path for path in paths if "_run-" not in path and "_acq-" not in path and "_rec-" not in path]
            if len(plain) != 1:
                names = ", ".join(Path(path).name for path in paths)
                raise ManifestError(
                    f"{root}: {names} all claim the column {column!r} of one subject-session; keep one of them there, "
                    "or name the one to use in a manifest of your own (manifest: in the config)"
                )
            paths = plain
        chosen[column] = paths[0]
    return chosen


def _dates(root: str, subject: str, session: str) -> dict[str, str]:
    """acq_time from sub-X_sessions.tsv, and the CT's own from the session's scans.tsv where there is one."""
    dates = {}
    path = f"{root}/sub-{subject}/sub-{subject}_sessions.tsv"
    for number, row in table_rows(path, "session_id"):
        if row["session_id"].removeprefix("ses-") == session and row.get("acq_time", "n/a") not in ("n/a", ""):
            dates["acq_time"] = checked_date(row["acq_time"], f"{path}, row {number}, acq_time")
    path = f"{root}/sub-{subject}/ses-{session}/sub-{subject}_ses-{session}_scans.tsv"
    for number, row in table_rows(path, "filename"):
        if row["filename"].split(".")[0].endswith("_ct") and row.get("acq_time", "n/a") not in ("n/a", ""):
            dates["ct_acq_time"] = checked_date(row["acq_time"], f"{path}, row {number}, acq_time")
    return dates


def read_manifest(path: str | Path, images: str | Path | None = None) -> list[Row]:
    """Read and check a manifest; `n/a` and empty cells are missing. With `images`, its files must exist below there.

    Raises ManifestError, naming the file, the row and the column, for unknown columns (with the nearest known name),
    labels that are not BIDS labels, a subject-session given twice, dates that are none, and files that are none.
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
    for number, cells in enumerate(reader, start=2):
        if None in cells:  # csv's key of what stands beyond the header
            raise ManifestError(f"{path}, row {number}: more cells than the header has columns; mend its tabs")
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
            check_value(column, value, f"{path}, row {number}, {column}", images)
        rows.append(Row(subject, session, values))
    return sorted(rows, key=lambda row: row.key)


def manifest_text(rows: Iterable[Row]) -> str:
    """The manifest as TSV text, rows in the order given, missing as n/a."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = {"subject": row.subject, "session": row.session, **row.values}
        writer.writerow([values.get(column, "n/a") for column in COLUMNS])
    return buffer.getvalue()


def write_if_changed(text: str, path: Path) -> None:
    """Write text only where it differs, so that an unchanged table keeps its time stamp and triggers nothing.

    Raises ManifestError where it cannot be written.
    """
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ManifestError(
            f"{path}: cannot be written ({error.strerror}); make room, or give an output_dir that you may write to"
        ) from None


def visit_pairs(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Subject -> (first, last) session of every subject with two or more visits, ordered by date, else by label.

    Dates are compared as ISO text; where a visit of the subject has none, labels give the order for all of them.
    """
    visits: dict[str, list[Row]] = {}
    for row in rows:
        visits.setdefault(row.subject, []).append(row)
    pairs = {}
    for subject, sessions in visits.items():
        if len(sessions) > 1:
            dated = all(row.get("acq_time") for row in sessions)
            ordered = sorted(sessions, key=lambda row: (row.values["acq_time"] if dated else "", row.session))
            pairs[subject] = (ordered[0].session, ordered[-1].session)
    return pairs
