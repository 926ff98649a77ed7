"""The tables and texts of the BIDS folder that an import adds to: rows are added, what stands there stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from angiolith.core.delimited import tsv_line
from angiolith.core.manifest_checks import table_header, table_rows
from angiolith.core.tables import atomic_path, write_json, write_text_if_changed

DESCRIPTION = {"Name": "Imported from DICOM", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
README = """Images converted from DICOM by `angiolith import-dicom`. Labels of subjects are pseudonyms. The key file
and the table of all series, with the reason for each that was left out, lie outside of this folder.
"""
IGNORED = "**/ct\n**/vwi\n*_swi.nii.gz\n*_swi.json\n"  # read by the workflow, and not (yet) part of BIDS
PARTICIPANTS = {
    "age": {"Description": "Age at the first visit; 90 stands for all above 89", "Units": "year"},
    "sex": {"Description": "Sex in the DICOM header", "Levels": {"M": "male", "F": "female", "O": "other"}},
}


def write_dataset_files(bids_dir: Path) -> None:
    """What makes a folder a BIDS data set, where it is not there.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    """
    if not (bids_dir / "dataset_description.json").exists():
        write_json(DESCRIPTION, bids_dir / "dataset_description.json")
    for name, text in (("README", README), (".bidsignore", IGNORED)):
        if not (bids_dir / name).exists() and not (name == "README" and any(bids_dir.glob("README*"))):
            with atomic_path(bids_dir / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def write_participants_description(bids_dir: Path) -> None:
    """What the columns of participants.tsv hold, where nothing says it.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    """
    if not (bids_dir / "participants.json").exists():
        write_json(PARTICIPANTS, bids_dir / "participants.json")


def add_rows(path: Path, key: str, rows: Sequence[Mapping[str, str]], gone: Sequence[str] = ()) -> None:
    """Add rows to a BIDS table by their key; a row or cell that is there stays, n/a apart.

    Parameters
    ----------
    path : Path
        Path of the table.
    key : str
        Column that names a row.
    rows : Sequence[Mapping[str, str]]
        Rows to add.
    gone : Sequence[str]
        Keys of rows to take out.
    """
    header = table_header(str(path)) or []
    kept = {row[key]: dict(row) for _, row in table_rows(str(path), key) if row[key] not in gone}
    for row in rows:
        header += [name for name in row if name not in header]
        old = kept.setdefault(row[key], {})
        old.update({name: cell for name, cell in row.items() if old.get(name, "n/a") in ("n/a", "")})
    if not kept:
        path.unlink(missing_ok=True)
        return
    text = tsv_line(header) + "".join(
        tsv_line(row.get(name, "n/a") for name in header) for _, row in sorted(kept.items())
    )
    write_text_if_changed(text, path)
