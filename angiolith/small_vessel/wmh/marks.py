"""What readers decided on the WMH of a session and on its suspected infarcts: the mask that is measured.

The segmentation stays as it is. Its lesions (26-connected) are the marks, the largest first. Small ones that the image
shows plainly are not asked about: they count as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26, distance_mm, label_voxels
from angiolith.core.images import Image, read_image, write_made
from angiolith.core.inputs import Inputs
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, was_made
from angiolith.marks.decisions import Decision
from angiolith.marks.kinds import INFARCT, WMH, MarkKind
from angiolith.marks.verdicts import CANDIDATE, SURE, TOOL, waiting
from angiolith.small_vessel.decide import VERDICT, decided_table
from angiolith.small_vessel.markers import facts_of
from angiolith.small_vessel.spots import PLACE, Spots, place_and_size
from angiolith.small_vessel.tissues import INFARCT as INFARCT_TISSUE
from angiolith.small_vessel.wmh.segment import SUSPECTED, volume_of_bounds_cm3

# [mm3] Smaller lesions are not asked about unless no voxel is sure: a ball of 4.6 mm. On 11 real scans 3 to 27 lesions
# are larger, with 93 to 100 % of the volume. Source: choice.
ASKED_MM3 = 50.0
# [mm] What lies so near to a rejected lesion, and no nearer to another one, goes with it: its rim on another grid or at
# another threshold. Source: choice.
RIM_MM = 3.0
MEASURED = (*PLACE, "diameter_mm", "volume_mm3", "probability", "status", "reason")
COLUMNS = (*MEASURED, *VERDICT)
Wanted = Callable[[Mapping[Any, Any]], bool]
THRESHOLDS = "thresholds"  # fact: probabilities from which voxels are WMH, are surely so, and may be
NOT_SURE = "no voxel reaches the probability from which WMH are sure"


@dataclass(frozen=True)
class DecidedWmh:
    """Mask after the readers (None where nothing was segmented), and table, label map and facts of both kinds.

    found: the label maps of both kinds before the readers.
    """

    mask: Image | None
    wmh: Spots
    infarcts: Spots
    found: tuple[Image | None, Image | None] = (None, None)

    def write(self, keys: Mapping[str, str], out: Inputs) -> None:
        """Write all files.

        Parameters
        ----------
        keys : mapping
            subject and session.
        out : Inputs
            Paths by the outputs' names.
        """
        write_made(self.mask, out["wmh_mask"])
        for kind, held, found in zip((WMH, INFARCT), (self.wmh, self.infarcts), self.found, strict=True):
            held.write(keys, *(out[f"{kind.name}_{part}"] for part in ("table", "labels", "facts")))
            write_made(found, out[f"{kind.name}_found"])


def decided_wmh(given: Inputs, decisions: Sequence[Decision]) -> DecidedWmh:
    """The WMH of a session with what readers decided on them and on suspected infarcts.

    Parameters
    ----------
    given : Inputs
        `wmh_mask`, `wmh_probability`, `wmh_tissues` and `wmh_facts` of the segmentation, and `drawings`.
    decisions : sequence of Decision
        Rows of this session, of every kind.

    Returns
    -------
    DecidedWmh
        A rejected lesion leaves the mask; an added or redrawn one joins it. A rejected infarct is none: what of it is
        WMH by its probability joins the mask. Where decisions do not fit, the mask is that of the segmentation and the
        status is failed.
    """
    facts = facts_of(given, "wmh_facts", "WMH")
    own = {kind: [row for row in decisions if row["kind"] == kind.name] for kind in (WMH, INFARCT)}
    path = given.get("wmh_mask")
    if not path or not was_made(path):
        problem = "decisions do not fit: WMH were not segmented" if any(own.values()) else ""
        facts = facts | {"reason": join_reasons(facts["reason"], problem)}
        return DecidedWmh(None, _none(WMH, facts), _none(INFARCT, facts))
    found = read_image(path)
    mask = found.data > 0
    probability = read_image(given["wmh_probability"]).data if was_made(given["wmh_probability"]) else None
    drawings = given.get("drawings") or []
    lesions, labels = wmh_marks(found.with_data(mask), probability, facts.get(THRESHOLDS, {}))
    lesions, after, misfit = decided_table(lesions, labels, WMH, own[WMH], drawings, "sure")
    suspected = suspected_marks(given, found, facts)
    as_found = labels, suspected[1]
    infarcts, infarct_map, misfit_too = decided_table(*suspected, INFARCT, own[INFARCT], drawings, "sure")
    lesions, infarcts = _ordered(lesions, WMH), _ordered(infarcts, INFARCT)
    if problem := join_reasons(misfit, misfit_too):
        facts = facts | {"status": FAILED, "reason": problem, "volume_cm3": None}
        none = Spots(infarcts, infarct_map, _none(INFARCT, facts).facts)
        return DecidedWmh(found.with_data(mask), Spots(lesions, after, _none(WMH, facts).facts), none, as_found)
    apart = _voxels(infarcts, INFARCT, infarct_map, lambda row: not _rejected(row))
    given_back = _voxels(infarcts, INFARCT, infarct_map, _rejected)
    if probability is not None and THRESHOLDS in facts:
        given_back &= probability >= facts[THRESHOLDS]["wmh"]
    decided = (mask & (labels.data == 0)) | _voxels(lesions, WMH, after, lambda row: bool(row["counted"])) | given_back
    decided &= ~apart
    facts = _facts_after(facts, found, (mask, decided, apart), probability, lesions, infarcts)
    of_infarcts = {"status": facts["status"], "reason": facts["reason"], "n_infarct_candidates": len(waiting(infarcts))}
    of_infarcts["infarct_cm3"] = round(float(apart.sum()) * found.voxel_volume_mm3 / 1000, 6)
    held = Spots(lesions, after, facts), Spots(infarcts, infarct_map, of_infarcts)
    return DecidedWmh(found.with_data(decided), *held, as_found)


def wmh_marks(mask: Image, probability: np.ndarray | None, thresholds: dict[str, float]) -> tuple[pd.DataFrame, Image]:
    """The lesions of a mask that a reader is asked about, and their label map (1 is the largest).

    Parameters
    ----------
    mask : Image
        bool, of the segmentation.
    probability : ndarray, shape of the mask, optional
        Of WMH; None for a mask made elsewhere.
    thresholds : dict
        `sure`: a lesion of which no voxel reaches it is flagged, and asked about whatever its size.

    Returns
    -------
    DataFrame, Image
        A row per mark (MEASURED), and the label map on the mask's grid.
    """
    pieces, count = ndimage.label(mask.data, NEIGHBOURS_26)
    volumes = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * mask.voxel_volume_mm3
    numbers = np.arange(1, count + 1)
    highest = np.full(count, np.nan) if probability is None else ndimage.maximum(probability, pieces, numbers)
    doubtful = np.asarray(highest) < thresholds.get("sure", 0.0)
    asked = [at for at in np.argsort(-volumes, kind="stable") if volumes[at] >= ASKED_MM3 or doubtful[at]]
    table = np.zeros(count + 1, np.int32)
    table[[at + 1 for at in asked]] = np.arange(1, len(asked) + 1)
    labels = mask.with_data(table[pieces])
    rows = [
        {WMH.number: number, **place_and_size(voxels, mask)}
        | {"probability": float(highest[at])}
        | ({"status": REVIEW, "reason": NOT_SURE} if doubtful[at] else {"status": OK, "reason": None})
        for at, (number, voxels) in zip(asked, label_voxels(labels.data), strict=True)
    ]
    return pd.DataFrame(rows, columns=[WMH.number, *MEASURED]), labels


def suspected_marks(given: Inputs, grid: Image, facts: dict[str, Any]) -> tuple[pd.DataFrame, Image]:
    """The suspected infarcts of the segmentation with their label map; none where a reader drew a lesion.

    Parameters
    ----------
    given : Inputs
        `wmh_tissues`.
    grid : Image
        That of the FLAIR.
    facts : dict
        Of the segmentation.

    Returns
    -------
    DataFrame, Image
        A row per mark, all candidates, and the label map.
    """
    data = np.zeros(grid.data.shape, np.int32)
    if "suspected_infarct_cm3" in facts and was_made(given["wmh_tissues"]):
        data, _ = ndimage.label(read_image(given["wmh_tissues"]).data == INFARCT_TISSUE, NEIGHBOURS_26)
    labels = grid.with_data(data.astype(np.int32))
    rows = [
        {INFARCT.number: number, **place_and_size(voxels, grid)}
        | {"status": REVIEW, "reason": SUSPECTED, "certainty": CANDIDATE}
        for number, voxels in label_voxels(labels.data)
    ]
    return pd.DataFrame(rows, columns=[INFARCT.number, *MEASURED, "certainty"]), labels


def goes_with(rejected: np.ndarray, others: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Where a grid belongs to rejected lesions: near to one (RIM_MM), and no nearer to what stays.

    Parameters
    ----------
    rejected, others : ndarray of bool, shape (i, j, k)
        What readers took out, and what stays.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    ndarray of bool, shape (i, j, k)
    """
    if not rejected.any():
        return rejected
    away_mm = distance_mm(rejected, voxel_mm)
    return np.asarray((away_mm <= RIM_MM) & (away_mm <= distance_mm(others, voxel_mm)) & ~others)


def _facts_after(
    facts: dict[str, Any],
    grid: Image,
    masks: tuple[np.ndarray, np.ndarray, np.ndarray],
    probability: np.ndarray | None,
    lesions: pd.DataFrame,
    infarcts: pd.DataFrame,
) -> dict[str, Any]:
    """The facts of the segmentation as they are after the readers: volume, its bounds, status and reason.

    masks: WMH before and after, and the infarcts that are held.
    """
    found, (before, after, apart) = dict(facts), masks
    voxel_mm3 = grid.voxel_volume_mm3
    if (before != after).any():
        found["volume_cm3"] = round(float(after.sum()) * voxel_mm3 / 1000, 6)
        if probability is not None and "volume_interval_cm3" in facts:
            likely = np.where(apart | goes_with(before & ~after, after, grid.voxel_mm), 0, probability)
            likely[after & (probability < facts[THRESHOLDS]["wmh"])] = 1  # a reader drew it
            bounds = [facts[THRESHOLDS][name] for name in ("sure", "possible")]
            found["volume_interval_cm3"] = volume_of_bounds_cm3(likely, voxel_mm3, bounds)
    found["n_wmh_candidates"] = len(waiting(lesions))
    open_infarcts = len(waiting(infarcts))
    reasons = [part for part in facts["reason"].split("; ") if part and (open_infarcts or SUSPECTED not in part)]
    disputed = f"WMH that wait for a reader: {found['n_wmh_candidates']}" if found["n_wmh_candidates"] else None
    found["reason"] = join_reasons(*reasons, disputed)
    if facts["status"] == REVIEW and not found["reason"]:
        found["status"] = OK
    elif disputed:
        found["status"] = REVIEW
    return found


def _none(kind: MarkKind, facts: dict[str, Any]) -> Spots:
    facts = facts | {f"n_{kind.name}_candidates": None}
    return Spots(_ordered(pd.DataFrame(), kind), None, facts)


def _ordered(table: pd.DataFrame, kind: MarkKind) -> pd.DataFrame:
    return table.reindex(columns=[kind.number, *COLUMNS])


def _rejected(row: Mapping[Any, Any]) -> bool:
    return row["certainty"] == SURE and not row["counted"] and row["decided_by"] != TOOL


def _voxels(
    table: pd.DataFrame, kind: MarkKind, labels: Image, wanted: Callable[[Mapping[Any, Any]], bool]
) -> np.ndarray:
    """The voxels of the marks whose row is wanted."""
    numbers = [int(row[kind.number]) for row in table.to_dict("records") if wanted(row)]
    return np.isin(labels.data, numbers)
