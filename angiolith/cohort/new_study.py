"""What a new study begins with: its configuration, and clinical tables to fill in with their data dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from angiolith.cohort.dictionaries import written_dictionary
from angiolith.core.delimited import read_cells, tsv_line
from angiolith.core.tables import atomic_path

FILE = Path(__file__).with_name("study_columns.yaml")
BOTH = "both"
STUDIES = {"vba": "vertebrobasilar-culprit", "csvd": "calcification-csvd"}  # short name -> preset
KEYS = {  # data dictionary of the columns that say whose a row is
    "participant_id": {"Description": "subject, as its folder is called"},
    "session_id": {"Description": "session, as its folder is called"},
    "reader": {"Description": "who read it: a letter or a pseudonym, one row per reader"},
}


@dataclass(frozen=True)
class Written:
    """A file of a new study: its path, whether it was written now (False: it was there and stays as it is)."""

    path: Path
    new: bool


@cache
def study_columns() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Table -> preset -> column -> what the data dictionary says of it."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def columns_of(table: str, studies: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The columns of one table that these studies (names of STUDIES) ask for.

    Parameters
    ----------
    table : str
        Name of the clinical table.
    studies : Iterable[str]
        Names of STUDIES.

    Returns
    -------
    dict[str, dict[str, Any]]
        Column -> its description.
    """
    wanted = {BOTH, *(STUDIES[study] for study in studies)}
    parts = study_columns()[table].items()
    return {name: entry for preset, columns in parts if preset in wanted for name, entry in columns.items()}


def config_text(bids_dir: Path, output_dir: Path, studies: Sequence[str]) -> str:
    """The configuration of a new study.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    output_dir : Path
        The output folder.
    studies : Sequence[str]
        Names of STUDIES.

    Returns
    -------
    str
        Content of the configuration file.
    """
    content = {
        "bids_dir": str(bids_dir),
        "output_dir": str(output_dir),
        "analyses": {study: {"preset": STUDIES[study]} for study in studies},
    }
    return f"# Run with: angiolith run {bids_dir} {output_dir} group --config THIS_FILE\n" + yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True
    )


def write_study(bids_dir: Path, output_dir: Path, config: Path, studies: Sequence[str]) -> list[Written]:
    """Write the configuration, participants.tsv and the tables of phenotype/, each with its data dictionary.

    A table has a row, all cells n/a, for each `sub-*` folder; that of the readers has only its header. Files that are
    there are never changed, and a column that one of them has is in no other.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    output_dir : Path
        The output folder.
    config : Path
        Path of the configuration file.
    studies : Sequence[str]
        Names of STUDIES.

    Returns
    -------
    list[Written]
        Each file, and whether it was written.
    """
    there = given_columns(bids_dir)
    subjects = sorted(path.name for path in bids_dir.glob("sub-*") if path.is_dir())
    texts = {config: config_text(bids_dir, output_dir, studies)}
    for table in study_columns():
        columns = {name: entry for name, entry in columns_of(table, studies).items() if name not in there}
        if not columns:
            continue
        keys = ["participant_id", "session_id", "reader"] if table == "readers" else ["participant_id"]
        rows = [] if table == "readers" else [[subject, *(["n/a"] * len(columns))] for subject in subjects]
        folder = bids_dir if table == "participants" else bids_dir / "phenotype"
        header = tsv_line([*keys, *columns])
        texts[folder / f"{table}.tsv"] = header + "".join(map(tsv_line, rows))
        texts[folder / f"{table}.json"] = written_dictionary({key: KEYS[key] for key in keys} | columns)
    return [Written(path, _write(path, text)) for path, text in texts.items()]


def given_columns(bids_dir: Path) -> set[str]:
    """The columns of the clinical tables that a BIDS folder has.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.

    Returns
    -------
    set[str]
        Names of columns.
    """
    tables = [bids_dir / "participants.tsv", *bids_dir.glob("phenotype/*.tsv")]
    headers = [next(iter(read_cells(path)), []) for path in tables if path.is_file()]
    return {name.strip() for header in headers for name in header}


def _write(path: Path, text: str) -> bool:
    if path.exists():
        return False
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True
