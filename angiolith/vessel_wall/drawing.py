"""A reader's label map of the vessel wall: its labels, the lesions in it, and what can be wrong with a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, mask_points, moved, volume_of_voxel_mm3, voxel_edges_mm
from angiolith.vessel_wall.parts import LABELS, LUMEN, WALL, DrawingError
from angiolith.vessel_wall.points import index_of

# [1] A piece below this fraction of the lumen's voxels is a slip of the brush, stated and left out. Source: digital
# tubes.
SPECK_FRACTION = 0.02
# [voxels] Empty margin about a drawn segment. Source: numerics.
MARGIN_VOXELS = 4
# [1] A drawing of which less lies within the image is in another space. Source: digital tubes.
INSIDE_FRACTION_MIN = 0.99


@dataclass(frozen=True)
class Segment:
    """One connected piece of drawn vessel: a lesion, or a reference segment.

    lumen, outer: boolean arrays (i, j, k) of the lumen and of everything within the outer wall; affine: their own
    grid, voxel -> RAS mm; finding: what a person should look at, or "".
    """

    lumen: np.ndarray
    outer: np.ndarray
    affine: np.ndarray
    finding: str = ""

    @property
    def wall(self) -> np.ndarray:
        """Mask of the wall: the outer contour without the lumen, bool (i, j, k)."""
        return self.outer & ~self.lumen

    @property
    def voxel_mm(self) -> np.ndarray:
        """Voxel edges (3,), mm."""
        return voxel_edges_mm(self.affine)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of a voxel, mm3."""
        return volume_of_voxel_mm3(self.affine)

    @property
    def centre(self) -> np.ndarray:
        """Centre of the drawn vessel (3,), RAS mm."""
        return self.points(self.outer).mean(axis=0)

    def points(self, mask: np.ndarray) -> np.ndarray:
        """Centres (n, 3), RAS mm, of a mask's voxels.

        Parameters
        ----------
        mask : np.ndarray
            Mask on the segment's grid, bool (i, j, k).

        Returns
        -------
        np.ndarray
            Points (n, 3), RAS mm.
        """
        return mask_points(self.affine, mask)


@dataclass(frozen=True)
class Piece:
    """A connected piece of a drawing: a segment, or the reason why it is none."""

    centre: np.ndarray
    segment: Segment | None
    reason: str = ""


def check_labels(labels: Image, vwi: Image) -> None:
    """Raise DrawingError unless the label map holds the known labels only and lies within the vessel-wall image.

    Parameters
    ----------
    labels : Image
        The reader's label map.
    vwi : Image
        The vessel-wall image.

    Raises
    ------
    DrawingError
        For an unknown label, no lesion, or a drawing outside the image.
    """
    values = np.unique(labels.data)
    unknown = [f"{value:g}" for value in values if value not in (0, *LABELS)]
    if unknown:
        raise DrawingError(
            f"unknown labels {', '.join(unknown[:5])}; use 1 lumen, 2 wall, 3 and 4 the same of the reference segment "
            "(6 and 7 proximal, 8 and 9 distal, 10 and 11 feeding artery), 5 pituitary stalk"
        )
    drawn = np.isin(labels.data, (LUMEN, WALL))
    if not drawn.any():
        raise DrawingError("no lesion is drawn (labels 1 and 2 are absent): draw its lumen as 1 and its wall as 2")
    index = index_of(vwi.affine, mask_points(labels.affine, drawn))
    inside = ((index > -0.5) & (index < np.array(vwi.data.shape) - 0.5)).all(axis=1).mean()
    if inside < INSIDE_FRACTION_MIN:
        raise DrawingError(
            f"{100 * (1 - inside):.0f} % of the drawing lies outside the vessel-wall image: it is in another space; "
            "resample it into the world of that image"
        )


def pieces(labels: Image, lumen_label: int, wall_label: int) -> list[Piece]:
    """The connected pieces (26 neighbours) of lumen and wall together, from foot to head.

    Parameters
    ----------
    labels : Image
        The reader's label map.
    lumen_label, wall_label : int
        The two labels.

    Returns
    -------
    list[Piece]
        Pieces; one that cannot be measured holds the reason.
    """
    drawn = np.isin(labels.data, (lumen_label, wall_label))
    components, count = ndimage.label(drawn, structure=NEIGHBOURS_26)
    found = []
    for number, box in enumerate(ndimage.find_objects(components, max_label=count), start=1):
        low = np.array([[side.start - MARGIN_VOXELS for side in box]])
        outer = np.pad(components[box] == number, MARGIN_VOXELS)
        lumen = np.pad((components[box] == number) & (labels.data[box] == lumen_label), MARGIN_VOXELS)
        affine = labels.affine.copy()
        affine[:3, 3] = moved(labels.affine, low)[0]
        segment = Segment(lumen, outer, affine)
        try:
            found.append(Piece(segment.centre, checked(segment)))
        except DrawingError as error:
            found.append(Piece(segment.centre, None, str(error)))
    return sorted(found, key=lambda piece: tuple(piece.centre[::-1]))


def checked(segment: Segment) -> Segment:
    """The segment without specks of lumen; raises DrawingError for a drawing that cannot be measured.

    Parameters
    ----------
    segment : Segment
        The drawn segment.

    Returns
    -------
    Segment
        The segment with one lumen.

    Raises
    ------
    DrawingError
        For a wall without lumen, and for a lumen in several pieces.
    """
    if not segment.lumen.any():
        raise DrawingError(f"wall without lumen ({segment.outer.sum()} voxels): draw the lumen, or delete the piece")
    parts, count = ndimage.label(segment.lumen, structure=NEIGHBOURS_26)
    sizes = np.bincount(parts.ravel())[1:]
    if (sizes >= SPECK_FRACTION * sizes.sum()).sum() > 1:
        raise DrawingError(f"the lumen is in {count} pieces: draw one lumen per lesion, without gaps along the vessel")
    lumen = parts == 1 + int(sizes.argmax())
    finding = "" if count == 1 else f"{segment.lumen.sum() - lumen.sum()} stray lumen voxels were taken as wall"
    return Segment(lumen, segment.outer, segment.affine, finding)


def numbered(drawings: Mapping[str, Sequence[Piece]], reach_mm: float) -> dict[str, list[tuple[int, Piece]]]:
    """Give the lesions of all readers common numbers, so that one lesion has one number whoever drew it.

    The first reader's lesions are 1, 2, ... from foot to head. A later reader's lesion takes the number of the
    nearest lesion within `reach_mm` (between centres) that this reader has not matched yet, nearest pairs first; else a
    new one.

    Parameters
    ----------
    drawings : Mapping[str, Sequence[Piece]]
        Reader -> pieces.
    reach_mm : float
        Largest distance between centres of one lesion, mm.

    Returns
    -------
    dict[str, list[tuple[int, Piece]]]
        Reader -> pairs of number and piece.
    """
    known: list[tuple[int, np.ndarray]] = []
    result = {}
    for reader, found in drawings.items():
        pairs = sorted(
            (float(np.linalg.norm(piece.centre - centre)), at, number)
            for at, piece in enumerate(found)
            for number, centre in known
        )
        numbers: dict[int, int] = {}
        for gap, at, number in pairs:
            if gap <= reach_mm and at not in numbers and number not in numbers.values():
                numbers[at] = number
        for at, piece in enumerate(found):
            if at not in numbers:
                numbers[at] = 1 + max((number for number, _ in known), default=0)
                known.append((numbers[at], piece.centre))
        result[reader] = [(numbers[at], piece) for at, piece in enumerate(found)]
    return result
