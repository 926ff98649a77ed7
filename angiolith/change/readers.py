"""What readers decided on a visit's WMH and suspected infarcts, brought to the space half-way between two visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from angiolith.change.inputs import VisitInputs
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, read_image, resample
from angiolith.core.tables import join_reasons, read_tsv, was_made
from angiolith.marks.kinds import INFARCT, WMH, MarkKind
from angiolith.marks.verdicts import SURE, TOOL
from angiolith.small_vessel.grid import of_same_volume
from angiolith.small_vessel.wmh.marks import goes_with

# [1] A lesion of which at least this fraction was taken out goes whole. Source: choice.
MOSTLY = 0.5


@dataclass(frozen=True)
class Decided:
    """Masks (i, j, k) of one visit on the half-way grid.

    after: the WMH that are held; gone: what readers took out of them; confirmed: marks that readers decided on and that
    count; drawn: what readers added; infarcts: those that are held; no_infarct: those that readers rejected; any_wmh,
    any_infarct: whether anything was decided.
    """

    after: np.ndarray
    gone: np.ndarray
    confirmed: np.ndarray
    drawn: np.ndarray
    infarcts: np.ndarray
    no_infarct: np.ndarray
    any_wmh: bool
    any_infarct: bool

    def cut(self, box: tuple[slice, ...]) -> Decided:
        """The part within a box.

        Parameters
        ----------
        box : tuple of slice
            Of the half-way grid.

        Returns
        -------
        Decided
        """
        masks = ("after", "gone", "confirmed", "drawn", "infarcts", "no_infarct")
        return replace(self, **{name: getattr(self, name)[box] for name in masks})


def decided_of(visit: VisitInputs, grid: Image, half_to_flair: sitk.Transform) -> Decided | None:
    """What readers decided on a visit's WMH; None where nothing was decided, or nothing was segmented.

    Parameters
    ----------
    visit : mapping
        `wmh_segmented`, `wmh_mask`, and labels and table of both kinds of mark.
    grid : Image
        The half-way grid.
    half_to_flair : sitk.Transform
        From its points to those of the visit's FLAIR.

    Returns
    -------
    Decided or None
    """
    if not all(visit.get(name) and was_made(visit[name]) for name in ("wmh_segmented", "wmh_mask")):
        return None
    wmh, infarcts = (_numbers(visit, kind) for kind in (WMH, INFARCT))
    if not wmh["decided"] and not infarcts["decided"]:
        return None
    before, after = (read_image(visit[name]) for name in ("wmh_segmented", "wmh_mask"))
    labels, infarct_labels = (read_image(visit[f"{kind.name}_labels"]).data for kind in (WMH, INFARCT))
    confirmed = np.isin(labels, wmh["confirmed"])

    def there(mask: np.ndarray) -> np.ndarray:
        return of_same_volume(resample(after.with_data(mask.astype(np.float32)), grid, half_to_flair).data)

    return Decided(
        there(after.data > 0),
        there((before.data > 0) & ~(after.data > 0)),
        there(confirmed),
        there(confirmed & ~(before.data > 0)),
        there((infarct_labels > 0) & ~np.isin(infarct_labels, infarcts["rejected"])),
        there(np.isin(infarct_labels, infarcts["rejected"])),
        bool(wmh["decided"]),
        bool(infarcts["decided"]),
    )


def _numbers(visit: VisitInputs, kind: MarkKind) -> dict[str, list[int]]:
    """Numbers of the marks that readers decided on, of those that count then, and of those that they rejected."""
    table = read_tsv(visit[f"{kind.name}_table"])
    decided = table[table["decided_by"].ne(TOOL) & table["certainty"].eq(SURE)]
    counts = decided["counted"].astype(bool)
    parts = {
        "decided": table[table["decided_by"].ne(TOOL)],
        "confirmed": decided[counts],
        "rejected": decided[~counts],
    }
    return {name: part[kind.number].astype(int).tolist() for name, part in parts.items()}


def infarcts_of(stated: Sequence[Decided | None], voxel_mm: np.ndarray) -> list[np.ndarray | None]:
    """The infarcts that are held at each visit; None for both where readers decided on none.

    What readers rejected at one visit is none at the other either, unless they kept it there.

    Parameters
    ----------
    stated : sequence of Decided or None
        Of the two visits.
    voxel_mm : ndarray, shape (3,)
        Of the half-way grid.

    Returns
    -------
    list of (ndarray of bool or None)
    """
    if not any(one and one.any_infarct for one in stated):
        return [None, None]
    found: list[np.ndarray | None] = []
    for one, other in (stated, stated[::-1]):
        mask = one.infarcts if one else None
        if mask is not None and other is not None and not (one and one.any_infarct):
            mask = without(mask, other.no_infarct, other.infarcts, voxel_mm)
        found.append(mask)
    shape = next(one.after.shape for one in stated if one)
    return [np.zeros(shape, bool) if mask is None else mask for mask in found]


def with_readers(
    masks: Sequence[np.ndarray], stated: Sequence[Decided | None], voxel_mm: np.ndarray
) -> tuple[list[np.ndarray], str]:
    """The half-way masks of both visits as readers decided, and what a person should know.

    What readers took out at one visit counts at neither, unless they kept it at the other. What they drew counts at the
    visit at which they drew it.

    Parameters
    ----------
    masks : sequence of ndarray of bool
        WMH of the two visits, segmented half-way.
    stated : sequence of Decided or None
        What readers decided at each.
    voxel_mm : ndarray, shape (3,)
        Of the half-way grid.

    Returns
    -------
    list of ndarray of bool, str
    """
    nothing = np.zeros_like(masks[0])
    found = []
    for mask, one, other in zip(masks, stated, stated[::-1], strict=True):
        confirmed = one.confirmed if one else nothing
        elsewhere = goes_with(confirmed, nothing, voxel_mm) if confirmed.any() else nothing
        gone = (one.gone if one else nothing) | ((other.gone if other else nothing) & ~elsewhere)
        held = one or other
        stays = (held.after if held else nothing) & ~gone
        found.append(without(mask, gone, stays, voxel_mm) | (one.drawn if one else nothing))
    alone = any((own.drawn & ~theirs).any() for own, theirs in zip(stated, found[::-1], strict=True) if own)
    return found, join_reasons("readers added WMH that are no WMH at the other visit" if alone else None)


def without(mask: np.ndarray, gone: np.ndarray, stays: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """A mask without what readers took out: lesions that are mostly that go whole, of others the part nearer to it.

    Parameters
    ----------
    mask, gone, stays : ndarray of bool, shape (i, j, k)
        WMH; what was taken out; what is held beside it.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    ndarray of bool, shape (i, j, k)
    """
    if not gone.any():
        return mask
    part = mask & goes_with(gone, stays, voxel_mm)
    pieces, count = ndimage.label(mask, NEIGHBOURS_26)
    fractions = np.atleast_1d(ndimage.mean(part, pieces, np.arange(count + 1)))
    whole = fractions >= MOSTLY
    whole[0] = False
    return np.asarray(mask & ~part & ~whole[pieces])
