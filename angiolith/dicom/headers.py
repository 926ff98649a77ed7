"""What the headers of an export's DICOM files say, read without their pixels.

Of each file only the attributes that sorting needs are kept: 10,000 files fit into some tens of megabytes.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue

BARE_BEGINNING = b"\x08\x00"  # group 0008: a DICOM file that was stored without its preamble
PROGRESS_EVERY = 1000  # files between two calls of `progress`

MODALITIES = {  # of files that do not state it, by their class: CT, enhanced CT, MR, enhanced MR
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "MR",
}
TEXTS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "AcquisitionTime",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "BodyPartExamined",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "PatientPosition",
    "BurnedInAnnotation",
    "PhotometricInterpretation",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "SequenceName",
    "MRAcquisitionType",
    "AngioFlag",
    "ImageType",
)
NUMBERS = (
    "SeriesNumber",
    "InstanceNumber",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SliceThickness",
    "SpacingBetweenSlices",
    "GantryDetectorTilt",
    "KVP",
    "EchoTime",
    "EchoNumbers",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "DiffusionBValue",
)
POINTS = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
FRAMES = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
B_VALUES = ("DiffusionBValue",)
TAGS = [*TEXTS, *NUMBERS, *POINTS, *FRAMES]


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice: where it lies (LPS mm) and what tells it from others at the same place."""

    position: tuple[float, ...]
    """Of the centre of the first pixel (3,); empty where the header does not say."""
    orientation: tuple[float, ...]
    """Direction of a row and of a column (6,)."""
    spacing: tuple[float, ...]
    """Distance of rows and of columns, mm (2,)."""
    image_type: tuple[str, ...]
    echo_time_ms: float | None
    b_value: float | None
    time_point: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """One DICOM file: texts and numbers by their DICOM keywords (those that are given), and its slices."""

    path: str
    syntax: str
    texts: dict[str, str]
    numbers: dict[str, float]
    frames: tuple[Frame, ...]

    def text(self, keyword: str) -> str:
        """The attribute's text; empty where the file does not have it.

        Parameters
        ----------
        keyword : str
            DICOM keyword.

        Returns
        -------
        str
            The text.
        """
        return self.texts.get(keyword, "")

    def has(self, keyword: str) -> bool:
        """Whether the attribute stands in the file, with a value or without.

        Parameters
        ----------
        keyword : str
            DICOM keyword.

        Returns
        -------
        bool
            True where it does.
        """
        return keyword in self.texts


def read_headers(
    folder: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Header], list[tuple[str, str]]]:
    """The headers of every DICOM file below a folder, sorted by path; and the other files, each with what it is.

    Parameters
    ----------
    folder : Path
        Folder of the export.
    progress : Callable[[int, int], None] | None
        Called with the number of files read and the number of all; None for silence.

    Returns
    -------
    tuple[list[Header], list[tuple[str, str]]]
        Headers, and pairs of path and what another file is.
    """
    paths = sorted(_files(folder))
    headers: list[Header] = []
    others: list[tuple[str, str]] = []
    for number, path in enumerate(paths, start=1):
        try:
            headers.append(read_header(path))
        except InvalidDicomError:
            others.append((path, "no DICOM"))
        except Exception as problem:  # a damaged file must not stop the export; it is listed
            others.append((path, f"damaged DICOM ({type(problem).__name__})"))
        if progress and (number % PROGRESS_EVERY == 0 or number == len(paths)):
            progress(number, len(paths))
    return headers, others


def _files(folder: Path) -> Iterator[str]:
    for base, _folders, names in os.walk(folder):
        for name in names:
            if not name.startswith(".") and name.upper() != "DICOMDIR":
                yield os.path.join(base, name)


def read_header(path: str) -> Header:
    """The header of one file.

    Parameters
    ----------
    path : str
        Path of the file.

    Returns
    -------
    Header
        The header.

    Raises
    ------
    InvalidDicomError
        For what is no DICOM file.
    """
    with open(path, "rb") as file:
        bare = file.read(2) == BARE_BEGINNING
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond DICOM's rules; what cannot be read is not there
        dataset = pydicom.dcmread(path, force=bare, stop_before_pixels=True, specific_tags=list(TAGS))
        texts = {name: sys.intern(_text(dataset.get(name))) for name in TEXTS if name in dataset}
        if not texts.get("Modality") and texts.get("SOPClassUID") in MODALITIES:
            texts["Modality"] = MODALITIES[texts["SOPClassUID"]]
        numbers = {name: value for name in NUMBERS if (value := _number(dataset.get(name))) is not None}
        frames = tuple(_frames(dataset, texts, numbers))
    meta = getattr(dataset, "file_meta", None) or Dataset()
    return Header(path, sys.intern(str(meta.get("TransferSyntaxUID", ""))), texts, numbers, frames)


def _text(value: Any) -> str:
    """A value as one text, several joined by DICOM's own mark."""
    if value is None:
        return ""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value).strip()


def _number(value: Any) -> float | None:
    """A value as a number, the first of several; None where there is none."""
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return None


def _point(value: Any, length: int) -> tuple[float, ...]:
    try:
        point = tuple(float(part) for part in value or ())
    except (TypeError, ValueError):
        return ()
    return point if len(point) == length else ()


def _frames(dataset: Dataset, texts: dict[str, str], numbers: dict[str, float]) -> Iterator[Frame]:
    """The slices of a file; of an enhanced file each frame's, with what all frames share put into texts and numbers."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        yield _frame([dataset], numbers)
        return
    shared = [*(dataset.get("SharedFunctionalGroupsSequence") or ())]
    _complete(_groups([*per_frame[:1], *shared]), texts, numbers)
    for group in per_frame:
        yield _frame(_groups([group, *shared]), numbers)


def _groups(items: Sequence[Dataset]) -> list[Dataset]:
    """The data sets within the functional groups of an enhanced file: private ones are left alone."""
    return [
        inner
        for item in items
        for element in item
        if element.VR == "SQ" and not element.tag.is_private
        for inner in element.value[:1]
    ]


def _first(datasets: Sequence[Dataset], *keywords: str) -> Any:
    for dataset in datasets:
        for keyword in keywords:
            value = dataset.get(keyword)
            if value is not None and value != "":
                return value
    return None


def _frame(datasets: Sequence[Dataset], numbers: dict[str, float]) -> Frame:
    echo, b_value = (_number(_first(datasets, *names)) for names in (("EchoTime", "EffectiveEchoTime"), B_VALUES))
    time_point = _number(_first(datasets, "TemporalPositionIdentifier", "TemporalPositionIndex"))
    return Frame(
        _point(_first(datasets, "ImagePositionPatient"), 3),
        _point(_first(datasets, "ImageOrientationPatient"), 6),
        _point(_first(datasets, "PixelSpacing"), 2),
        tuple(part for part in _text(_first(datasets, "FrameType", "ImageType")).upper().split("\\") if part),
        echo if echo is not None else numbers.get("EchoTime"),
        b_value,
        None if time_point is None else int(time_point),
    )


def _complete(groups: Sequence[Dataset], texts: dict[str, str], numbers: dict[str, float]) -> None:
    """What an enhanced file says in its functional groups, under the names of a plain file."""
    for name in TEXTS:
        if name not in texts and (value := _first(groups, name)) is not None:
            texts[name] = _text(value)
    for name in NUMBERS:
        names = {"EchoTime": ("EffectiveEchoTime",), "InversionTime": ("InversionTimes",)}.get(name, ())
        if name not in numbers and (value := _number(_first(groups, name, *names))) is not None:
            numbers[name] = value
