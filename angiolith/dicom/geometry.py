"""Where the slices of one volume lie, and what is wrong with their places: tilt, uneven steps, gaps, repeats.

All is taken from the positions and orientations of the slices (DICOM's patient coordinates, LPS mm), never from the
tags that repeat them: those are rounded, or empty. Patient coordinates do not depend on how the person lies, so that
feet-first and decubitus positions need no case of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from angiolith.dicom.headers import Frame

SAME_PLACE_MM = 0.01  # positions are written with at least two decimals
TILT_DEG_MIN = 0.2  # below this the shear over 200 mm of head is under 0.7 mm
UNEVEN_FRACTION = 0.1  # of the step: a slice's distance from the even grid from which on steps are uneven
GAP_FRACTION_MAX = 0.2  # of the steps: where more are multiples of the smallest, the steps were planned so


class Fault(StrEnum):
    """What is wrong with the places of a volume's slices."""

    NO_POSITION = "no slice positions in the header"
    NO_SPACING = "no pixel spacing in the header"
    ONE_POSITION = "all slices at one position"
    SEVERAL_VOLUMES = "several volumes at one place"
    REPEATED = "repeated slices that differ"
    MISSING = "missing slices"
    TILT = "gantry tilt"
    UNEVEN = "uneven slice steps"


REFUSED = (
    Fault.NO_POSITION,
    Fault.NO_SPACING,
    Fault.ONE_POSITION,
    Fault.SEVERAL_VOLUMES,
    Fault.REPEATED,
    Fault.MISSING,
)
"""No volume can be made of these without inventing voxels or leaving some out."""


@dataclass(frozen=True)
class Geometry:
    """Places of a volume's slices.

    n_places: slices at different places; n_volumes: slices at each place (1 for a plain volume); step_mm: the usual
    distance of neighbouring slices along the normal; coverage_mm: from the first to the last slice, one step added;
    faults: fault -> its details in words.
    """

    n_places: int
    n_volumes: int
    step_mm: float
    coverage_mm: float
    tilt_deg: float
    plane: str
    faults: dict[Fault, str]

    @property
    def refused(self) -> str:
        """Why no volume can be made, or nothing."""
        return "; ".join(
            f"{fault} ({words})" if words else fault for fault, words in self.faults.items() if fault in REFUSED
        )

    @property
    def words(self) -> str:
        """Every fault with its details."""
        return "; ".join(f"{fault} ({words})" if words else fault for fault, words in self.faults.items())


def normal_of(orientation: Sequence[float]) -> np.ndarray:
    """The unit normal (3,) of slices with this orientation (6,), LPS.

    Parameters
    ----------
    orientation : Sequence[float]
        ImageOrientationPatient (6,).

    Returns
    -------
    np.ndarray
        Unit vector (3,), LPS.
    """
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    return normal / np.linalg.norm(normal)


def _is_plane(orientation: Sequence[float]) -> bool:
    """Whether six numbers are two directions at right angles, to the precision that headers have."""
    if len(orientation) != 6:
        return False
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    return bool(abs(row @ row - 1) < 1e-2 and abs(column @ column - 1) < 1e-2 and abs(row @ column) < 1e-2)


def plane_of(orientation: Sequence[float]) -> str:
    """`axial`, `coronal` or `sagittal`, by the patient's axis that the normal is nearest to.

    Parameters
    ----------
    orientation : Sequence[float]
        ImageOrientationPatient (6,).

    Returns
    -------
    str
        Name of the plane; empty for another number of values.
    """
    if len(orientation) != 6:
        return ""
    normal = np.abs(normal_of(orientation))
    return ("sagittal", "coronal", "axial")[int(normal.argmax())]


def geometry_of(frames: Sequence[Frame]) -> Geometry:
    """The geometry of slices of one orientation (n of any order).

    Parameters
    ----------
    frames : Sequence[Frame]
        Slices in any order.

    Returns
    -------
    Geometry
        Number of places, step (mm), tilt, plane and faults.
    """
    if any(not frame.position or not _is_plane(frame.orientation) for frame in frames):
        return Geometry(len(frames), 1, 0.0, 0.0, 0.0, "", {Fault.NO_POSITION: ""})
    if any(len(frame.spacing) != 2 or min(frame.spacing) <= 0 for frame in frames):
        return Geometry(len(frames), 1, 0.0, 0.0, 0.0, plane_of(frames[0].orientation), {Fault.NO_SPACING: ""})
    positions = np.array([frame.position for frame in frames])
    normal = normal_of(frames[0].orientation)
    levels = positions @ normal
    plane = plane_of(frames[0].orientation)
    places, counts = _places(levels)
    faults: dict[Fault, str] = {}
    if len(places) == 1:
        if len(frames) > 1:
            faults[Fault.ONE_POSITION] = f"{len(frames)} slices"
        return Geometry(1, len(frames), 0.0, 0.0, 0.0, plane, faults)
    if max(counts) > 1:
        if min(counts) == max(counts):
            faults[Fault.SEVERAL_VOLUMES] = f"{counts[0]} of {len(places)} slices each"
        else:
            faults[Fault.REPEATED] = f"{sum(count > 1 for count in counts)} places"
    steps = np.diff(places)
    step = float(np.median(steps))
    faults |= _uneven(places, steps, step)
    tilt = _tilt_deg(positions[np.argsort(levels, kind="stable")], normal)
    if tilt > TILT_DEG_MIN:
        faults[Fault.TILT] = f"{tilt:.1f} deg"
    coverage = float(places[-1] - places[0]) + step
    return Geometry(len(places), max(counts), step, coverage, tilt, plane, faults)


def _places(levels: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Different places along the normal, mm, and how many slices lie at each."""
    groups: list[list[float]] = []
    for level in np.sort(levels):
        if groups and level - groups[-1][-1] < SAME_PLACE_MM:
            groups[-1].append(float(level))
        else:
            groups.append([float(level)])
    return np.array([group[0] for group in groups]), [len(group) for group in groups]


def _uneven(places: np.ndarray, steps: np.ndarray, step: float) -> dict[Fault, str]:
    """A gap where single steps are whole multiples of the usual one; else uneven steps where they differ."""
    even = places[0] + np.arange(len(places)) * (places[-1] - places[0]) / (len(places) - 1)
    if np.abs(places - even).max() <= UNEVEN_FRACTION * step:
        return {}
    multiples = steps / step
    whole = np.abs(multiples - np.round(multiples)).max() <= UNEVEN_FRACTION and multiples.min() > 1 - UNEVEN_FRACTION
    gaps = int((np.round(multiples) > 1).sum())
    if whole and gaps <= max(1, GAP_FRACTION_MAX * len(steps)):
        missing = int((np.round(multiples) - 1).sum())
        return {Fault.MISSING: f"{missing}, step {step:.2f} mm, gap {steps.max():.2f} mm"}
    counted = Counter(round(float(one), 1) for one in steps)
    words = " / ".join(f"{one:.1f}" for one, _ in counted.most_common(4))
    return {Fault.UNEVEN: f"{words} mm"}


def _tilt_deg(positions: np.ndarray, normal: np.ndarray) -> float:
    """Angle between the normal and the line that the slices' corners follow."""
    line = positions[-1] - positions[0]
    return float(np.degrees(np.arccos(np.clip(abs(line @ normal) / np.linalg.norm(line), 0, 1))))
