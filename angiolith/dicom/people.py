"""Who is who: pseudonyms and constant shifts of days, kept in a file of the user's outside of the BIDS folder.

The key file is a TSV: `patient_id` (number and issuer as DICOM has them), `subject` (the pseudonym), `shift_days`
(added to every date of the person). It is made where it is absent; rows of the user's own are kept. Two numbers of one
person get the same label there.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from angiolith.core.bids.dates import DateError, day_of, iso_date
from angiolith.core.bids.walk import lies_in
from angiolith.core.delimited import tsv_line
from angiolith.core.manifest_checks import LABEL, table_rows
from angiolith.core.tables import OWNER_ALONE, write_text_if_changed
from angiolith.dicom.series import Volume

COLUMNS = ("patient_id", "subject", "shift_days")
SHIFT_LEAST_DAYS = 43_830  # 120 years: dates of this century come to lie before 1925, as BIDS has shifted ones
SHIFT_SPREAD_DAYS = 3_653  # ten years, at random
AGE_MAX_YEARS = 89  # ages above are given as 90 (HIPAA, 45 CFR 164.514)


class KeyProblem(ValueError):
    """The key file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Person:
    subject: str
    shift_days: int


@dataclass
class Key:
    """The key file: patient -> pseudonym and shift. `problems`: patient -> why it may be several persons."""

    path: Path
    people: dict[str, Person]
    problems: dict[str, str] = field(default_factory=dict)

    def date_of(self, volume: Volume) -> str | None:
        """The day of a volume's study as it may be written: shifted by the person's own number of days.

        Parameters
        ----------
        volume : Volume
            A volume of the person.

        Returns
        -------
        str | None
            ISO date, or None.
        """
        day = study_day(volume)
        return None if day is None else shifted(day, self.people[patient_of(volume)].shift_days)


def shifted(day: str, days: int) -> str:
    """An ISO date, moved by a number of days.

    Parameters
    ----------
    day : str
        ISO date.
    days : int
        Number of days; negative for earlier.

    Returns
    -------
    str
        ISO date.
    """
    return (day_of(day) + timedelta(days=days)).isoformat()


def study_day(volume: Volume) -> str | None:
    """The day of a volume's study, else of its series or images, as ISO text; None where the header says none.

    Parameters
    ----------
    volume : Volume
        A volume of the person.

    Returns
    -------
    str | None
        ISO date, or None.
    """
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        try:
            return iso_date(volume.text(keyword))[:10]
        except DateError:
            continue
    return None


def patient_of(volume: Volume) -> str:
    """What tells a patient from others: number and issuer; else name and birth date; else the study alone.

    Parameters
    ----------
    volume : Volume
        A volume of the person.

    Returns
    -------
    str
        A text that is the same for all volumes of the patient.
    """
    number = volume.text("PatientID").strip()
    if number:
        issuer = volume.text("IssuerOfPatientID").strip()
        return f"{number}|{issuer}" if issuer else number
    name, birth = _folded(volume.text("PatientName")), volume.text("PatientBirthDate")
    return f"{name}|{birth}" if name else f"study {volume.text('StudyInstanceUID')}"


def _folded(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.lower()))


def read_key(path: Path, bids_dir: Path) -> Key:
    """The key file, or an empty one where there is none.

    Parameters
    ----------
    path : Path
        Path of the key file.
    bids_dir : Path
        The BIDS folder.

    Returns
    -------
    Key
        The key.

    Raises
    ------
    KeyProblem
        For a key file in the BIDS folder, or with rows that cannot be used.
    """
    if lies_in(path, bids_dir):
        raise KeyProblem(
            f"{path}: the key file must lie outside of {bids_dir}: whoever gets the folder would get it too"
        )
    people: dict[str, Person] = {}
    for number, row in table_rows(str(path), "patient_id"):
        label, shift = row.get("subject", "").removeprefix("sub-"), row.get("shift_days", "") or "0"
        if not LABEL.fullmatch(label):
            raise KeyProblem(f"{path}, row {number}: subject {label!r} may hold letters and digits only")
        if not re.fullmatch(r"-?\d+", shift):
            raise KeyProblem(f"{path}, row {number}: shift_days {shift!r} is no whole number")
        people[row["patient_id"]] = Person(label, int(shift))
    shifts: dict[str, set[int]] = {}
    for person in people.values():
        shifts.setdefault(person.subject, set()).add(person.shift_days)
    differing = sorted(label for label, days in shifts.items() if len(days) > 1)
    if differing:
        raise KeyProblem(f"{path}: {', '.join(differing)}: two numbers of one person must have the same shift_days")
    return Key(path, people)


def complete_key(key: Key, volumes: Iterable[Volume], shift_dates: bool, used: Iterable[str]) -> None:
    """Give every patient of an export a label and a shift, and note where one number may be two persons.

    New labels are numbers in an order that says nothing of the patients (by the hash of their number). Those that the
    file has keep theirs.

    Parameters
    ----------
    key : Key
        The key.
    volumes : Iterable[Volume]
        Volumes of the export.
    shift_dates : bool
        New patients get a random shift into the years before 1925; else none.
    used : Iterable[str]
        Labels that the BIDS folder has.
    """
    groups: dict[str, list[Volume]] = {}
    for volume in volumes:
        groups.setdefault(patient_of(volume), []).append(volume)
    labels = [*(person.subject for person in key.people.values()), *used]
    numbers = [int(label) for label in labels if label.isdigit()]
    number = max(numbers, default=0)
    for patient in sorted(set(groups) - set(key.people), key=lambda one: hashlib.sha256(one.encode()).hexdigest()):
        number += 1
        shift = -(SHIFT_LEAST_DAYS + secrets.randbelow(SHIFT_SPREAD_DAYS)) if shift_dates else 0
        key.people[patient] = Person(f"{number:03d}", shift)
    for patient, group in groups.items():
        births = {volume.text("PatientBirthDate") for volume in group} - {""}
        names = {_folded(volume.text("PatientName")) for volume in group} - {""}
        if len(births) > 1 and len(names) > 1:
            key.problems[patient] = "one patient number with two names and two birth dates: two persons?"


def write_key(key: Key) -> None:
    """Write the key file, atomically, readable by its owner alone.

    Parameters
    ----------
    key : Key
        The key.
    """
    lines = [tsv_line(COLUMNS)]
    lines += [tsv_line((patient, one.subject, one.shift_days)) for patient, one in sorted(key.people.items())]
    text = "".join(lines)
    write_text_if_changed(text, key.path, OWNER_ALONE)


def without_names(text: str, volume: Volume) -> str:
    """A description without what names its patient: parts of the name, the number, other long numbers.

    Parameters
    ----------
    text : str
        A description.
    volume : Volume
        A volume of the person.

    Returns
    -------
    str
        The description.
    """
    parts = re.findall(r"\w+", volume.text("PatientName")) + re.findall(r"\w+", volume.text("PatientID"))
    for part in sorted((part for part in parts if len(part) > 2), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "...", text, flags=re.IGNORECASE)
    return re.sub(r"\d{6,}", "...", text)


def covariates(volumes: Iterable[Volume], day: str | None) -> Mapping[str, str]:
    """Sex and age (whole years at the first visit, 90 for all above 89) of a person, as participants.tsv has them.

    Parameters
    ----------
    volumes : Iterable[Volume]
        Volumes of the person.
    day : str | None
        Day of the first visit, ISO, or None.

    Returns
    -------
    Mapping[str, str]
        `sex` and `age`.
    """
    found = {"sex": "n/a", "age": "n/a"}
    for volume in volumes:
        if found["sex"] == "n/a" and volume.text("PatientSex").upper() in ("M", "F", "O"):
            found["sex"] = volume.text("PatientSex").upper()
        if found["age"] == "n/a":
            age = _age_years(volume, day)
            found["age"] = "n/a" if age is None else str(90 if age > AGE_MAX_YEARS else age)
    return found


def _age_years(volume: Volume, day: str | None) -> int | None:
    try:
        born = day_of(iso_date(volume.text("PatientBirthDate")))
        at = day_of(day) if day else None
    except DateError:
        at = None
    if at is not None:
        return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
    match = re.fullmatch(r"0*(\d{1,3})Y", volume.text("PatientAge").upper())
    return int(match[1]) if match else None
