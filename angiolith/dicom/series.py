"""The volumes of an export: its files grouped by study and series, and a series cut where it holds several volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from angiolith.core.bids.choose import COMPLEX_TYPES, LOCALISER_TYPES, MINIP_TYPES, PHASE_TYPES
from angiolith.dicom.geometry import Fault, Geometry, geometry_of
from angiolith.dicom.headers import Frame, Header

MAGNITUDE_TYPES = {"M", "MAGNITUDE", "M_FFE", "M_SE", "M_IR"}
TRACE_TYPES = {"TRACEW", "TRACE"}  # the mean of a diffusion-weighted image's directions
DIFFUSION_MAPS = {"ADC", "ADC_UNSPECIFIED", "EADC", "FA", "EXPONENTIAL"}
APART = frozenset(
    {
        *PHASE_TYPES,
        *COMPLEX_TYPES,
        *MINIP_TYPES,
        *LOCALISER_TYPES,
        *MAGNITUDE_TYPES,
        *DIFFUSION_MAPS,
        *TRACE_TYPES,
        "MPR",
        "REFORMATTED",
        "SCREEN SAVE",
    }
)  # values of ImageType that part the images of a series
ACQUISITIONS_MAX = 3  # volumes of a series that are taken apart by AcquisitionNumber; more are a time course
IMAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # legacy converted enhanced CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.4.1",  # enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4",  # legacy converted enhanced MR
)
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True)
class Volume:
    """The files of one series that make one volume. `part`: 1 for the first volume of a series, 2 for the next."""

    headers: tuple[Header, ...]
    frames: tuple[Frame, ...]
    part: int
    n_parts: int
    n_copies: int
    """Files that repeat one of these (the same SOPInstanceUID at the same place), and are left out."""

    @property
    def first(self) -> Header:
        """The first file's header."""
        return self.headers[0]

    @property
    def key(self) -> tuple[str, int]:
        """What tells the volume from all others: the series' UID and its part."""
        return self.first.text("SeriesInstanceUID"), self.part

    @property
    def n_files(self) -> int:
        """Number of files, copies among them."""
        return len(self.headers) + self.n_copies

    @cached_property
    def geometry(self) -> Geometry:
        """Places of the slices and their faults."""
        return geometry_of(self.frames)

    @cached_property
    def image_type(self) -> frozenset[str]:
        """Every value of ImageType and FrameType, in capitals."""
        values = {part for part in self.first.text("ImageType").upper().split("\\") if part}
        return frozenset(values | set(self.frames[0].image_type))

    def text(self, keyword: str) -> str:
        """An attribute's text in the first file.

        Parameters
        ----------
        keyword : str
            DICOM keyword.

        Returns
        -------
        str
            The text.
        """
        return self.first.text(keyword)

    def number(self, keyword: str) -> float | None:
        """An attribute's number in the first file.

        Parameters
        ----------
        keyword : str
            DICOM keyword.

        Returns
        -------
        float | None
            The number, or None.
        """
        return self.first.numbers.get(keyword)

    @property
    def is_image(self) -> bool:
        """Whether the files hold CT or MR images (not captures, reports, presentation states, segmentations)."""
        return self.text("SOPClassUID") in IMAGE_CLASSES


def volumes_of(headers: Iterable[Header]) -> list[Volume]:
    """Every volume of an export, by patient, study and series number; files of no image are volumes too, one a series.

    No file is lost: the sum of `n_files` is the number of headers.

    Parameters
    ----------
    headers : Iterable[Header]
        Headers of all files.

    Returns
    -------
    list[Volume]
        Volumes, sorted.
    """
    series: dict[tuple[str, str], list[Header]] = {}
    for header in headers:
        series.setdefault((header.text("StudyInstanceUID"), header.text("SeriesInstanceUID")), []).append(header)
    found = [volume for group in series.values() for volume in _parts(group)]
    return sorted(found, key=_order)


def _order(volume: Volume) -> tuple[str, str, str, float, str, int]:
    number = volume.number("SeriesNumber")
    first = volume.first
    return (
        first.text("PatientID"),
        first.text("StudyDate"),
        first.text("StudyInstanceUID"),
        -1.0 if number is None else number,
        *volume.key,
    )


def _parts(headers: Sequence[Header]) -> list[Volume]:
    single: dict[tuple[str, tuple[Frame, ...]], Header] = {}
    copies: dict[str, int] = {}
    for header in headers:
        uid = header.text("SOPInstanceUID") or header.path
        if (uid, header.frames) in single:
            copies[uid] = copies.get(uid, 0) + 1
        else:
            single[uid, header.frames] = header
    groups: dict[tuple[object, ...], list[Header]] = {}
    for header in single.values():
        groups.setdefault(_kind(header), []).append(header)
    parts = [part for group in groups.values() for part in _acquisitions(group)]
    found = []
    for number, part in enumerate(parts, start=1):
        n_copies = sum(copies.get(header.text("SOPInstanceUID"), 0) for header in part)
        frames = tuple(frame for header in part for frame in header.frames)
        found.append(Volume(tuple(part), frames, number, len(parts), n_copies))
    return found


def _kind(header: Header) -> tuple[object, ...]:
    """What the slices of one volume share. An enhanced file is one volume, whatever its frames are."""
    frame = header.frames[0]
    diffusion = {"DIFFUSION", *DIFFUSION_MAPS, *TRACE_TYPES} & set(frame.image_type)
    return (
        header.text("SOPClassUID"),
        header.numbers.get("Rows"),
        header.numbers.get("Columns"),
        tuple(round(value, 3) for value in frame.spacing),
        tuple(round(value, 2) + 0.0 for value in frame.orientation),
        header.text("ConvolutionKernel"),
        None if diffusion or frame.echo_time_ms is None else round(frame.echo_time_ms, 1),
        frozenset(APART & set(frame.image_type)),
    )


def _acquisitions(headers: list[Header]) -> list[list[Header]]:
    """A few whole volumes at one place, by AcquisitionNumber; else all as they are.

    A number for each slice (step-and-shoot CT) parts nothing, since then no number has all places.
    """
    diffusion = {"DIFFUSION", *TRACE_TYPES} & set(
        headers[0].frames[0].image_type
    )  # whose b-values are one image of four dimensions
    if len(headers) < 2 or diffusion or any(len(header.frames) > 1 for header in headers):
        return [headers]
    whole = geometry_of([header.frames[0] for header in headers])
    if Fault.SEVERAL_VOLUMES not in whole.faults or whole.n_volumes > ACQUISITIONS_MAX:
        return [headers]
    by_number: Mapping[object, list[Header]] = {}
    by_number = {
        number: [header for header in headers if header.numbers.get("AcquisitionNumber") == number]
        for number in dict.fromkeys(header.numbers.get("AcquisitionNumber") for header in headers)
    }
    places = [geometry_of([header.frames[0] for header in group]) for group in by_number.values()]
    complete = all(one.n_places == whole.n_places and one.n_volumes == 1 for one in places)
    return list(by_number.values()) if complete and len(by_number) == whole.n_volumes else [headers]
