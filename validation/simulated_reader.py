"""A simulated reader's decisions on the marks of implants, and the agreement of the volumes after each kind of them.

The reader knows which marks are calcium, keeps these and rejects the others. A kept mark whose volume is off by more
than 15 % is redrawn. A plaque that has no mark is added where it can be seen. What is drawn is what can be seen of
the plaque: its voxels that were below 130 HU before it was put in. What lies hidden in bone is drawn by nobody.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from angiolith.cohort.agreement import icc

OFF_MAX = 0.15  # of the truth; the goal for volumes
VOXELS_MIN, SEEN_MIN = 3, 0.5  # visible voxels, and their fraction of the plaque, of what a reader sees
KINDS = {
    "kept or rejected": (False, False),
    "and redrawn": (True, False),
    "and added": (False, True),
    "redrawn and added": (True, True),
}


def is_seen(rows: pd.DataFrame) -> pd.Series:
    """Which implants a reader sees where no mark shows them (columns true_mm3, visible_mm3, voxels)."""
    fraction = rows["visible_mm3"] / rows["true_mm3"]
    return (fraction >= SEEN_MIN) & (fraction * rows["voxels"] >= VOXELS_MIN)


def volumes_after(rows: pd.DataFrame, redraws: bool, adds: bool, truth: str = "true_mm3") -> pd.Series:
    """Volume of each implant (mm3) after the decisions; 0 where it is missed and not added."""
    found = rows["found"] != "missed"
    volume = rows["found_mm3"].where(found, 0.0).astype(float)
    off = found & ((volume / rows[truth] - 1).abs() > OFF_MAX)
    drawn = (redraws & off) | (adds & ~found & is_seen(rows))
    return volume.where(~drawn, rows["visible_mm3"])


def readings(rows: pd.DataFrame) -> pd.DataFrame:
    """ICC(2,1) of the implants' volumes after each kind of decision, with the whole truth and with what is visible.

    rows: of `calcification_implants.rows_of`. Also how many marks are redrawn and added, and the sum over the truth.
    """
    implants = rows[rows["kind"] == "implant"]
    found, table = implants["found"] != "missed", []
    for kind, (redraws, adds) in KINDS.items():
        row = {"decisions": kind}
        for truth, name in (("true_mm3", "whole"), ("visible_mm3", "visible")):
            after = volumes_after(implants, redraws, adds, truth)
            row |= {
                f"ICC, {name}": _icc(implants[truth], after),
                f"ICC, {name}, found": _icc(implants[truth][found], after[found]),
                f"sum, {name}": round(float(after.sum() / implants[truth].sum()), 2),
            }
        kept = volumes_after(implants, False, False)
        row |= {"redrawn": int((found & (volumes_after(implants, True, False) != kept)).sum()) if redraws else 0}
        table.append(row | {"added": int((~found & is_seen(implants)).sum()) if adds else 0})
    return pd.DataFrame(table)


def _icc(truth: pd.Series, volume: pd.Series) -> float:
    pairs = pd.DataFrame({"truth": truth, "volume": volume}).astype(float)
    return round(float(icc(pairs).get("estimate", np.nan)), 3)
