"""REDCap's data dictionary and its export of records, as BIDS phenotype tables with their data dictionaries.

One table per instrument (form), a row per participant, and per event where there are several. Codes stay as they are;
what they mean stands in the JSON. Fields that identify a person, files and free notes are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.cohort.dictionaries import YES_NO
from angiolith.core.delimited import DelimitedError, read_cells
from angiolith.core.identifiers import is_identifying_column
from angiolith.core.names import nearest

NAMES = {  # what a column of the dictionary is called here -> in REDCap's page, in its API
    "name": ("variable / field name", "field_name"),
    "form": ("form name", "form_name"),
    "kind": ("field type", "field_type"),
    "label": ("field label", "field_label"),
    "choices": ("choices, calculations, or slider labels", "select_choices_or_calculations"),
    "note": ("field note", "field_note"),
    "identifier": ("identifier?", "identifier"),
}
NEEDED = ("name", "form", "kind")
CHOSEN = ("radio", "dropdown")
LEFT_OUT = ("file", "descriptive", "notes", "signature")
EVENT, REPEAT = "redcap_event_name", "redcap_repeat_instance"


class RedcapError(ValueError):
    """The dictionary or the export cannot be used: file, row or column, and what to do."""


@dataclass(frozen=True)
class Field:
    """A field of the dictionary; choices: code -> label."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    note: str
    identifies: bool

    @property
    def kept(self) -> bool:
        """Whether the field is taken into a table: it identifies nobody, and its kind holds data."""
        return not self.identifies and self.kind not in LEFT_OUT and not is_identifying_column(self.name)


@dataclass
class Instrument:
    """A phenotype table and its data dictionary."""

    table: pd.DataFrame
    dictionary: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_dictionary(path: str | Path) -> list[Field]:
    """The fields of a data dictionary (CSV), as REDCap's page or its API writes it.

    Parameters
    ----------
    path : str | Path
        Path of the CSV.

    Returns
    -------
    list[Field]
        The fields.

    Raises
    ------
    RedcapError
        For a file that is no data dictionary.
    """
    table = _read(path)
    lower = {name.strip().lower(): name for name in table.columns}
    found = {key: next((lower[name] for name in names if name in lower), None) for key, names in NAMES.items()}
    wanting = [NAMES[key][0] for key in NEEDED if found[key] is None]
    if wanting:
        raise RedcapError(f"{path}: is no REDCap data dictionary: no column {wanting[0]!r}")

    def cell(row: Mapping[str, str], key: str) -> str:
        name = found[key]
        return row[name].strip() if name else ""

    return [
        Field(
            cell(row, "name"),
            cell(row, "form"),
            cell(row, "kind").lower(),
            _plain(cell(row, "label")),
            _choices(cell(row, "kind").lower(), cell(row, "choices")),
            _plain(cell(row, "note")),
            cell(row, "identifier").lower() == "y",
        )
        for row in table.to_dict("records")
        if cell(row, "name")
    ]


def phenotype_of(fields: list[Field], export: str | Path, participant: str | None = None) -> dict[str, Instrument]:
    """Instrument -> its table, from an export of records (CSV, raw data or labels).

    participant: field that holds the subjects' labels; default: the first, REDCap's record id. Cells that are labels of
    choices become their codes.

    Parameters
    ----------
    fields : list[Field]
        The fields of the dictionary.
    export : str | Path
        Path of the export (CSV).
    participant : str | None
        Field that holds the subjects' labels; None for the first.

    Returns
    -------
    dict[str, Instrument]
        Instrument -> table and dictionary.

    Raises
    ------
    RedcapError
        For fields that the export lacks, repeated instruments, codes that are none, and labels of
        participants that are missing or no BIDS label once `-` and `_` are gone.
    """
    records = _read(export)
    key = participant or fields[0].name
    if key not in records:
        raise RedcapError(f"{export}: no column {key!r}; {nearest(key, list(records.columns))}")
    if REPEAT in records and (records[REPEAT].str.strip() != "").any():
        raise RedcapError(f"{export}: holds repeated instruments; export without them")
    labels = _participants(records, fields[0].name, key, export)
    events = _sessions(records)
    found: dict[str, Instrument] = {}
    for form in dict.fromkeys(each.form for each in fields):
        table = pd.DataFrame({"participant_id": labels})
        if events is not None:
            table["session_id"] = events
        dictionary: dict[str, dict[str, Any]] = {}
        for each in (
            each for each in fields if each.form == form and each.kept and each.name not in (key, fields[0].name)
        ):
            for name, entry in _columns(each).items():
                if name in records:
                    table[name] = _codes(records[name], each, name, export)
                    dictionary[name] = entry
        rows = table[[*dictionary]].ne("n/a").any(axis=1) if dictionary else pd.Series(False, table.index)
        if rows.any():
            found[form] = Instrument(table[rows].reset_index(drop=True), dictionary)
    if not found:
        raise RedcapError(f"{export}: none of the dictionary's fields is in it; export the same project")
    return found


def _read(path: str | Path) -> pd.DataFrame:
    if not Path(path).is_file():
        raise RedcapError(f"{path}: no such file")
    try:
        cells = read_cells(path)
    except DelimitedError as error:
        raise RedcapError(str(error)) from None
    if not cells:
        raise RedcapError(f"{path}: is empty")
    width = len(cells[0])
    rows = [[*row[:width], *([""] * (width - len(row)))] for row in cells[1:] if any(row)]
    return pd.DataFrame(rows, columns=[name.strip() for name in cells[0]], index=range(2, len(rows) + 2), dtype=str)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def _choices(kind: str, text: str) -> dict[str, str]:
    """Code -> label of "1, none | 2, mild"; of a yes/no or true/false field its own."""
    if kind == "yesno":
        return dict(YES_NO)
    if kind == "truefalse":
        return {"0": "false", "1": "true"}
    if kind not in (*CHOSEN, "checkbox"):
        return {}
    pairs = (part.partition(",") for part in text.split("|") if part.strip())
    return {code.strip(): _plain(label) for code, _, label in pairs}


def _columns(each: Field) -> dict[str, dict[str, Any]]:
    """The export's columns of a field: one, or of a checkbox one per choice; with what the JSON says of each."""
    entry: dict[str, Any] = {"LongName": each.label or each.name}
    if each.kind == "checkbox":
        return {
            f"{each.name}___{code.lower().replace('-', '_')}": entry | {"Description": label, "Levels": dict(YES_NO)}
            for code, label in each.choices.items()
        }
    entry["Description"] = each.note or each.label or each.name
    return {each.name: entry | ({"Levels": dict(each.choices)} if each.choices else {})}


def _codes(values: pd.Series, each: Field, name: str, path: str | Path) -> pd.Series:
    """The cells as codes, missing ones as n/a."""
    known = dict(YES_NO) if each.kind == "checkbox" else dict(each.choices)
    given = values.str.strip().replace("", "n/a")
    if not known:
        return given.str.replace(r"[\t\r\n]+", " ", regex=True)
    of_label = {label.lower(): code for code, label in known.items()} | {"unchecked": "0", "checked": "1"}
    for row, value in given.items():
        if value != "n/a" and value not in known and value.lower() not in of_label:
            raise RedcapError(f"{path}, row {row}, {name}: {value!r} is no choice; its codes are {', '.join(known)}")
    return given.map(lambda value: value if value == "n/a" or value in known else of_label[value.lower()])


def _participants(records: pd.DataFrame, record: str, key: str, path: str | Path) -> pd.Series:
    """BIDS labels of the rows' participants: of the event that has one, for all rows of the same record."""
    given = records[key].str.strip()
    if key != record and record in records:
        by_record = given[given != ""].groupby(records[record]).first()
        given = given.where(given != "", records[record].map(by_record).fillna(""))
    plain = given.str.removeprefix("sub-").str.replace(r"[-_ ]", "", regex=True)
    for row, label in plain.items():
        if not re.fullmatch(r"[A-Za-z0-9]+", label):
            what = "is missing" if not label else f"{given[row]!r} is no BIDS label (letters and digits)"
            raise RedcapError(f"{path}, row {row}, {key}: {what}")
    return "sub-" + plain


def _sessions(records: pd.DataFrame) -> pd.Series | None:
    """BIDS labels of the rows' events; None where there is one only."""
    if EVENT not in records or records[EVENT].nunique() < 2:
        return None
    return "ses-" + records[EVENT].str.replace(r"_arm_\d+$", "", regex=True).str.replace(
        r"[^A-Za-z0-9]", "", regex=True
    )
