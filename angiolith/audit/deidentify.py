"""What identifies a person in a folder that is to be shared: images and tables that go in, or results that came out.

    angiolith deidentify-check FOLDER [FOLDER ...] [--names names.txt]

Each finding is one line `kind<TAB>file<TAB>what and what to do`:

name      a DICOM attribute, header field or column that names a person, place or device
date      a day that was not shifted before 1925 (as BIDS has it)
label     a file's name with a long number, as a birth date or a hospital number would be
face      an image of a whole head (also in the report's viewer), from which a face can be rendered
text      an e-mail address
listed    (--names) one of the names that you gave, one a line, in a path or in what a file says, unpacked

Exit status: 0 nothing found, 1 something found. Nothing is changed. It cannot be proved that nothing identifies a
person; what the keeper of the data knows of them belongs in --names.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib

from angiolith.core.bids.walk import is_dicom
from angiolith.core.identifiers import EMAIL, LONG_NUMBER, is_identifying_attribute, is_identifying_column, real_dates
from angiolith.core.image_checks import BRAIN_CM3_MAX, SLAB_COLUMNS, is_brain_extracted
from angiolith.core.images import ImageError, read_image
from angiolith.core.manifest import column_of
from angiolith.core.tables import was_made
from angiolith.report.volumes import read_volume

HEADER_TEXTS = ("descrip", "aux_file", "db_name", "intent_name")
HARMLESS_TEXT = re.compile(r"(SimpleITK|ITK \d|FSL|TE=[\d.]+|phase=\d|mb=\d|;)*", re.IGNORECASE)
OF_THINGS = {"index", "sha256"}  # columns of tables that name labels or files, not persons
OF_THE_RUN = ("datePublished", "endTime")
UNPACKED_MAX = 1 << 28
TEXTS = (".json", ".tsv", ".csv", ".txt", ".md", ".html", ".svg", ".xml", ".yaml", ".yml", ".log", ".bval", ".bvec")


class Finding(NamedTuple):
    kind: str
    name: str
    why: str


def findings(folder: Path, names: Iterable[str] = ()) -> list[Finding]:
    """Everything that identifies a person in the files below `folder`, sorted; `names` are looked for everywhere.

    Parameters
    ----------
    folder : Path
        Folder to search.
    names : Iterable[str]
        Names of persons to look for.

    Returns
    -------
    list[Finding]
        Findings, sorted.
    """
    wanted = [name.strip() for name in names if name.strip()]
    found: list[Finding] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        for look in (in_path, in_json, in_table, in_image, in_viewer, in_dicom, in_text):
            found += [Finding(kind, name, why) for kind, why in look(path)]
        found += [Finding("listed", name, f"holds {one!r}: take it out") for one in listed(path, name, wanted)]
    return sorted(set(found))


def in_path(path: Path) -> Iterator[tuple[str, str]]:
    """Long numbers in the names of a file and its folder.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    for part in (path.parent.name, path.name):
        number = LONG_NUMBER.search(part)
        if number:
            yield "label", f"the name holds {number[0]}: give labels that say nothing of the person"
            return


def in_json(path: Path) -> Iterator[tuple[str, str]]:
    """Attributes of a sidecar, at any depth.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    if path.suffix != ".json":
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        yield "name", "is no JSON and was not looked through: correct or delete it"
        return
    for key, value in _pairs(content):
        if is_identifying_attribute(key) and value not in ("", None, [], "n/a", "anonymous", "ANONYMOUS"):
            yield "name", f"{key} is given: delete it (dcm2niix -ba y leaves it out)"
        elif isinstance(value, str) and real_dates(value) and key not in OF_THE_RUN:
            yield "date", f"{key} holds {real_dates(value)[0]}: shift or delete it"


def _pairs(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key), value
            yield from _pairs(value)
    elif isinstance(content, list):
        for value in content:
            yield from _pairs(value)


def in_table(path: Path) -> Iterator[tuple[str, str]]:
    """Columns by their names, and columns that hold days.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    if path.suffix not in (".tsv", ".csv"):
        return
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    form: dict[str, Any] = (
        {"delimiter": ","} if path.suffix == ".csv" else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    )
    rows = csv.DictReader(io.StringIO(text, newline=""), **form)
    dated: dict[str, str] = {}
    for row in rows:
        dated |= {name: days[0] for name, cell in row.items() if name and (days := real_dates(str(cell)))}
    for name in rows.fieldnames or []:
        if is_identifying_column(name) and not (name == "name" and (OF_THINGS & set(rows.fieldnames or []))):
            yield "name", f"the column {name!r}: delete it"
    for name, day in dated.items():
        yield "date", f"the column {name!r} holds {day}: shift the days of each person by one number"


def in_image(path: Path) -> Iterator[tuple[str, str]]:
    """Free text of a NIfTI header, its extensions, and a face.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    if not path.name.endswith((".nii", ".nii.gz")) or path.stat().st_size == 0:
        return
    try:
        header: Any = nib.load(path).header
    except Exception:
        return  # no image: check_images reports it
    for field in HEADER_TEXTS:
        text = bytes(header[field].tobytes()).split(b"\0")[0].decode("latin-1").strip() if field in header else ""
        if not HARMLESS_TEXT.fullmatch(text):
            yield "name", f"the header's {field} says {text!r}: empty it"
    if len(getattr(header, "extensions", ())):
        yield "name", "the header has extensions, which may hold the DICOM header: take them out"
    column = column_of(str(path))
    if column and column not in SLAB_COLUMNS and "deface" not in path.name.lower():
        try:
            whole = not is_brain_extracted(read_image(path))
        except ImageError:
            return
        if whole:
            yield "face", "a whole head: deface it (and name it so, such as rec-defaced)"


def in_viewer(path: Path) -> Iterator[tuple[str, str]]:
    """A volume of the report's viewer that holds more than a brain.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    column = path.stem.rsplit("_", 1)[-1]
    if path.suffix != ".js" or path.parent.name != "volumes" or not was_made(path) or path.stem.endswith(SLAB_COLUMNS):
        return
    try:
        grey = read_volume(path)
    except ValueError:
        yield "name", "is no volume of the viewer and was not looked through: delete it"
        return
    if (grey.data > grey.data.min()).sum() * grey.voxel_volume_mm3 / 1000 > BRAIN_CM3_MAX:
        remedy = "if its image was not defaced, set report: {viewer: false} and run the workflow again"
        yield "face", f"the viewer's {column} is more than a brain: {remedy}"


def in_dicom(path: Path) -> Iterator[tuple[str, str]]:
    """Attributes of a DICOM file that name a person.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    if not is_dicom(path):
        return
    import pydicom

    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    given = [item.keyword for item in dataset if is_identifying_attribute(item.keyword) and item.value]
    if given:
        yield "name", f"DICOM with {', '.join(given)}: empty these attributes, or do not share it"


def in_text(path: Path) -> Iterator[tuple[str, str]]:
    """E-mail addresses in a text file.

    Parameters
    ----------
    path : Path
        Path of the file.

    Yields
    ------
    tuple[str, str]
        Kind and text of a finding.
    """
    if path.suffix in TEXTS:
        address = EMAIL.search(path.read_text(encoding="utf-8", errors="replace"))
        if address:
            yield "text", f"the address {address[0]}: take it out"


def listed(path: Path, name: str, wanted: Iterable[str]) -> list[str]:
    """Those of the wanted names that stand in a file's path or content, whatever their case.

    Parameters
    ----------
    path : Path
        Path of the file.
    name : str
        Path below the searched folder.
    wanted : Iterable[str]
        Names to look for.

    Returns
    -------
    list[str]
        Those that occur.
    """
    names = list(wanted)
    if not names:
        return []
    content = (name.encode() + b"\n" + unpacked(path)).lower()
    return [one for one in names if one.lower().encode() in content]


def unpacked(path: Path) -> bytes:
    """The bytes of a file; of .gz, .docx, .xlsx and .zip what is packed in them (the first 256 MB).

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    bytes
        The bytes.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                return stream.read(UNPACKED_MAX)
        return _members(path) if path.suffix in (".docx", ".xlsx", ".zip") else path.read_bytes()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        return path.read_bytes()


def _members(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())
