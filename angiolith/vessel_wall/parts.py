"""What a reader's parts are called, and the label map that all inputs become.

Labels: 1 lumen, 2 wall of a lesion; 3 lumen, 4 wall of a reference segment; 5 pituitary stalk; 6 and 7, 8 and 9, 10 and
11: lumen and wall of a reference segment that the reader calls proximal, distal, or feeding artery.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

TOOL = "tool"  # reader of the wall that the tool traced itself
# [label] Labels of a drawing. Source: definition.
LUMEN, WALL, REFERENCE_LUMEN, REFERENCE_WALL, PITUITARY_STALK = 1, 2, 3, 4, 5
# [label] Position of a reference segment: labels of its lumen and wall. Source: definition.
REFERENCES = {
    "": (REFERENCE_LUMEN, REFERENCE_WALL),
    "proximal": (6, 7),
    "distal": (8, 9),
    "feeding": (10, 11),
}
SEGMENTS: dict[str | None, tuple[int, int]] = {None: (LUMEN, WALL), **dict(REFERENCES.items())}
LABELS = (LUMEN, WALL, PITUITARY_STALK, *(label for pair in REFERENCES.values() for label in pair))
# [1] Of a lumen's voxels, this fraction may lie beyond the outer wall: more is a mistake, not a slip. Source: digital
# tubes.
OUTSIDE_FRACTION_MAX = 0.02
WORDS = {
    "lumen": ("lumen",),
    "outer": ("outer", "owb", "adventitia", "vessel"),
    "wall": ("wall", "plaque"),
    "stalk": ("stalk", "pituitary", "infundibulum"),
}
REFERENCE_WORDS = ("reference", "ref", "normal")
ADVICE = (
    "name the parts 'lumen' and 'outer wall' (or 'wall'), those of the reference segment 'reference lumen', 'reference "
    "outer wall' ('proximal', 'distal' or 'feeding' where known), and 'pituitary stalk'"
)


class DrawingError(ValueError):
    """A drawing cannot be measured; the message says what is wrong and what to do."""


class Part(NamedTuple):
    """What was drawn: `lumen`, `outer` (all within the outer wall), `wall` (the ring) or `stalk`; of which segment.

    reference: None for a lesion, else the position of the reference segment ("" where the reader did not say).
    """

    kind: str
    reference: str | None = None


def part_of(name: str) -> Part:
    """The part that a segment's or contour's name stands for, whatever its case and order; raises DrawingError.

    Parameters
    ----------
    name : str
        Name of a segment or contour.

    Returns
    -------
    Part
        Kind of the part, and position of its reference.

    Raises
    ------
    DrawingError
        For a name that is not known.
    """
    words = re.findall("[a-z]+", name.lower())
    kind = next((kind for kind, known in WORDS.items() if any(word in known for word in words)), None)
    if kind is None:
        raise DrawingError(f"the name {name!r} is not known; {ADVICE}")
    return Part(kind, None if kind == "stalk" else reference_position(name))


def reference_position(name: str) -> str | None:
    """The position of the reference segment that a name stands for ("" where it does not say); None for a lesion.

    Parameters
    ----------
    name : str
        Name of a segment or contour.

    Returns
    -------
    str | None
        Position, "" for a reference without one, None for a lesion.
    """
    words = re.findall("[a-z]+", name.lower())
    named = next((word for word in words if word in REFERENCES), None)
    return "" if named is None and any(word in REFERENCE_WORDS for word in words) else named


def compose(masks: Mapping[Part, np.ndarray]) -> np.ndarray:
    """One label map (i, j, k) uint8 from the masks of the parts; raises DrawingError for a lumen outside its wall.

    Parameters
    ----------
    masks : Mapping[Part, np.ndarray]
        Part -> mask (i, j, k), bool.

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8.

    Raises
    ------
    DrawingError
        For a wall without lumen, a lumen without wall, or a lumen outside its wall.
    """
    labels = np.zeros(next(iter(masks.values())).shape, np.uint8)
    for position, (lumen_label, wall_label) in SEGMENTS.items():
        lumen, outer, wall = (masks.get(Part(kind, position)) for kind in ("lumen", "outer", "wall"))
        where = "the" if position is None else f"the {position} reference's" if position else "the reference's"
        if lumen is None and outer is None and wall is None:
            continue
        if lumen is None or not lumen.any():
            raise DrawingError(f"{where} wall is drawn without its lumen; {ADVICE}")
        ring = outer if outer is not None else wall
        if ring is None:
            raise DrawingError(f"{where} lumen is drawn without its outer wall; {ADVICE}")
        if outer is not None and (lumen & ~outer).sum() > OUTSIDE_FRACTION_MAX * lumen.sum():
            outside = 100 * (lumen & ~outer).sum() / lumen.sum()
            raise DrawingError(f"{outside:.0f} % of {where} lumen lies outside the outer wall: check both contours")
        labels[ring] = wall_label
        labels[lumen if outer is None else lumen & outer] = lumen_label
    stalk = masks.get(Part("stalk"))
    if stalk is not None:
        labels[stalk & (labels == 0)] = PITUITARY_STALK
    return labels
