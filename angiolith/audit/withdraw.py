"""A subject withdraws consent: the data are purged everywhere, and what still names the subject is found.

    angiolith withdraw OUTPUT_DIR SUBJECT [--images]

Purged are the subject's files, logs and records, every file of the cohort (the next run makes them again without the
subject) and what Snakemake's metadata say of the subject. `--images` purges the image folder too: the subject's folders
and rows of participants.tsv and of phenotype/*.tsv. Without it the command stops while the subject is still there,
since the next run would measure it again. Then run the workflow, and prove it: `angiolith verify OUTPUT_DIR --absent
SUBJECT`.

Copies elsewhere (backups, spreadsheets, a shared report) are beyond reach: the data's keeper has to purge those.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from angiolith.audit.settings import current_settings
from angiolith.core.manifest_checks import LABEL
from angiolith.core.tables import atomic_path
from angiolith.runtime.records import LOGS, OWN_FILES, Record, name_in, path_of, read_records, record_of_run
from angiolith.runtime.seals import seal_path

BOOKS = ("metadata", "incomplete", "log", "iocache")
BINARY = (".gz", ".nii", ".png", ".tfm")  # label maps, pictures and transforms hold no names but in their file's
CELL_END = re.compile("[\t\n\r,;]")
SUBJECT_COLUMN = re.compile(r"subject|participant")


class WithdrawError(ValueError):
    """The subject cannot be purged; the message says what to do first."""


def purge(root: Path, subject: str, images: bool = False) -> list[str]:
    """Delete all that `subject` is in; returns the names of what was deleted or rewritten, as seen from `root`.

    Parameters
    ----------
    root : Path
        The output folder.
    subject : str
        Label of the subject.
    images : bool
        Whether the subject's images are deleted too.

    Returns
    -------
    list[str]
        Names of files.

    Raises
    ------
    FileExistsError
        If the subject is among the images and these are to be kept.
    """
    own = record_of_run(root)
    workdir = path_of(root, own.params["workdir"]) if own else Path.cwd()
    bids = current_settings(root, own).get("bids_dir") if own else None
    raw = list(image_folders(workdir / bids, subject)) if bids else []
    if raw and not images:
        folders = ", ".join(map(str, raw))
        raise FileExistsError(f"{folders}: sub-{subject} is still among the images; delete them, or say --images")
    tables = list(_drop_rows(workdir / bids, subject)) if bids and images else []
    doomed = [*raw, *_of_subject(root, subject), *_of_cohort(root, read_records(root)), *_metadata(workdir, subject)]
    for path in doomed:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return sorted({name_in(root, path) for path in (*doomed, *tables)})


def image_folders(bids: Path, subject: str) -> Iterator[Path]:
    """The subject's folders among the images and the readers' drawings.

    Parameters
    ----------
    bids : Path
        The BIDS folder.
    subject : str
        Label of the subject.

    Yields
    ------
    Path
        One folder.
    """
    yield from (path for path in (bids / f"sub-{subject}", *bids.glob(f"derivatives/*/sub-{subject}")) if path.exists())


def _of_subject(root: Path, subject: str) -> Iterator[Path]:
    yield from (path for path in (root / f"sub-{subject}", seal_path(root, subject).parent) if path.exists())
    pages = re.compile(rf"sub-{re.escape(subject)}[_.]")  # of the report: the page, pictures, volumes
    yield from (path for path in sorted((root / "report").glob("**/sub-*")) if pages.match(path.name))
    for kind in (LOGS, "benchmarks"):
        for path in sorted((root / kind).glob("*/*")):
            if re.match(rf"{re.escape(subject)}(_|$)", path.name.split(".")[0]):
                yield path


def _of_cohort(root: Path, records: Iterable[Record]) -> Iterator[Path]:
    """What jobs of no one subject made: it is made again. The manifest is written when the workflow is planned."""
    for record in records:
        if "subject" not in record.wildcards:
            yield from (path_of(root, name) for name in record.outputs)
            yield root / record.name
            yield (root / record.name).with_suffix(".log")
    yield from (root / "manifest.tsv", root / "manifest_report.tsv", root / "audit/.hashes.json")
    yield from (root / LOGS / name for name in OWN_FILES)


def _metadata(workdir: Path, subject: str) -> Iterator[Path]:
    for book in BOOKS:
        for path in sorted((workdir / ".snakemake" / book).rglob("*")):
            if path.is_file() and (book == "iocache" or names_subject(path, subject)):
                yield path


def _drop_rows(bids: Path, subject: str) -> Iterator[Path]:
    """Take the subject's rows out of the clinical tables, those with wrong separators too; yields those that had any.

    Raises WithdrawError for a table that is no text.
    """
    for path in [bids / "participants.tsv", *sorted(bids.glob("phenotype/*.tsv"))]:
        if path.is_file():
            try:
                lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
            except UnicodeDecodeError:
                raise WithdrawError(f"{path}: is not UTF-8; save it with that encoding, then run this again") from None
            kept = [line for line in lines if CELL_END.split(line)[0].strip(' "').removeprefix("sub-") != subject]
            if kept != lines:
                with atomic_path(path) as temporary:
                    temporary.write_text("".join(kept), encoding="utf-8")
                yield path


def files_naming(root: Path, subject: str) -> list[str]:
    """Files of a run and of Snakemake's metadata that name the subject: in their path or in what they say.

    Parameters
    ----------
    root : Path
        The output folder.
    subject : str
        Label of the subject.

    Returns
    -------
    list[str]
        Names of files.
    """
    own = record_of_run(root)
    workdir = path_of(root, own.params["workdir"]) if own else Path.cwd()
    paths = [path for path in root.rglob("*") if path.is_file()]
    paths += [path for book in BOOKS for path in (workdir / ".snakemake" / book).rglob("*") if path.is_file()]
    return sorted({name_in(root, path) for path in paths if names_subject(path, subject, root)})


def names_subject(path: Path, subject: str, root: Path | None = None) -> bool:
    """Whether a file names the subject: as sub-X anywhere, or as X where subjects stand (columns, JSON, log names).

    Parameters
    ----------
    path : Path
        Path of the file.
    subject : str
        Label of the subject.
    root : Path | None
        The output folder, or None.

    Returns
    -------
    bool
        True where it does.
    """
    token = re.compile(rf"(?<![A-Za-z0-9])sub-{re.escape(subject)}(?![A-Za-z0-9])")
    within = path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name
    own_log = within.startswith((f"{LOGS}/", "benchmarks/")) and re.match(rf"{re.escape(subject)}(_|\.)", path.name)
    if own_log or token.search(within) or token.search(_decoded(path.name)):
        return True
    if path.name.endswith(BINARY):
        return False
    text = _text(path)
    if token.search(text) or re.search(rf'"subject": "{re.escape(subject)}"', text):
        return True
    return path.suffix == ".tsv" and subject in _subject_cells(text)


def _subject_cells(text: str) -> set[str]:
    """Every label in the columns of a TSV that hold subjects, one or several to a cell."""
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = [name for name in rows.fieldnames or [] if SUBJECT_COLUMN.search(name)]
    return {label for row in rows for name in columns for label in re.split(r"[^A-Za-z0-9]+", row[name] or "")}


def _decoded(name: str) -> str:
    """Snakemake names its metadata by the base64 of the output's path."""
    try:
        return base64.b64decode(name, altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _text(path: Path) -> str:
    if path.suffix == ".docx" and path.stat().st_size:
        with zipfile.ZipFile(path) as archive:
            return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return path.read_bytes().decode("utf-8", "replace")


def subject_label(text: str) -> str:
    """A subject's label without `sub-`.

    Parameters
    ----------
    text : str
        Label, with or without `sub-`.

    Returns
    -------
    str
        The label.

    Raises
    ------
    WithdrawError
        For text that is no label: nothing else may be purged.
    """
    label = text.removeprefix("sub-")
    if not LABEL.fullmatch(label):
        raise WithdrawError(f"{text!r} is not a subject's label: letters and digits only")
    return label
