"""One row per lesion from several readers' rows, and what they have to settle together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from angiolith.core.settings.vessel_wall import WallConsensusSettings, WallGradeSettings
from angiolith.core.tables import OK, REVIEW, USABLE, join_reasons
from angiolith.vessel_wall.metrics import COLUMNS
from angiolith.vessel_wall.parts import TOOL

CONSENSUS = "consensus"
CLASSES = ("artery", "side", "reference", "reference_artery", "enhancement_grade", "plaque_class", "calcium_pattern")
FLAGS = {"positive_remodeling": "remodeling_index", "eccentric": "eccentricity_index"}
JUDGED = ("lumen_area_mm2", "outer_wall_area_mm2", "max_wall_mm")  # what makes a lesion one to settle


def consensus(plaques: pd.DataFrame, settings: WallConsensusSettings, grades: WallGradeSettings) -> pd.DataFrame:
    """The readers' common row of every lesion; columns as in the plaque table, reader "consensus", and `readers`.

    Numbers are the mean of the readers whose row can be used; what follows from a bound (positive remodelling,
    eccentric) follows from the mean; classes are those that all gave, and missing where they differ. A lesion that only
    some readers drew, a class that differs, and a lumen, outer wall or largest thickness that differs by more than
    `consensus_percent_max` of the mean are for the readers to settle: status review, with the reason.

    Parameters
    ----------
    plaques : pd.DataFrame
        Plaque table of one subject-session, one row per reader and lesion.
    settings : WallConsensusSettings
        Section `vessel_wall.consensus`.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    pd.DataFrame
        One row per lesion.
    """
    plaques = plaques[plaques["reader"] != TOOL]
    usable = plaques[plaques["status"].isin(USABLE) & plaques["lesion"].notna()]
    n_readers = plaques["reader"].dropna().nunique()
    bounds = {"positive_remodeling": grades.positive_remodeling_min, "eccentric": grades.eccentric_index_min}
    rows = []
    for lesion, part in usable.groupby("lesion"):
        first = part.iloc[0]
        row: dict[str, Any] = {"subject": first["subject"], "session": first["session"], "lesion": lesion}
        row |= {"reader": CONSENSUS, "readers": ", ".join(part["reader"])}
        findings = [f"only {len(part)} of {n_readers} readers measured it"] if len(part) < n_readers else []
        for name in COLUMNS:
            if name in row or name in ("status", "reason") or name in FLAGS:
                continue
            values = part[name].dropna()
            if name in CLASSES:
                row[name] = values.iloc[0] if len(values) and values.nunique() == 1 else None
                if values.nunique() > 1:
                    findings.append(f"{name}: {' / '.join(str(value) for value in values)}")
            elif len(values) and pd.api.types.is_numeric_dtype(values.infer_objects()):
                row[name] = float(values.astype(float).mean())
        for name, index in FLAGS.items():
            value = row.get(index)
            row[name] = None if value is None or np.isnan(value) else bool(value >= bounds[name])
        for name in JUDGED:
            values = part[name].dropna().astype(float)
            apart = 100 * np.ptp(values) / values.mean() if len(values) > 1 else 0.0
            if apart > settings.consensus_percent_max:
                findings.append(f"{name} differs by {apart:.0f} %")
        text = join_reasons(*findings)
        row |= {"status": REVIEW if text else OK, "reason": f"to settle together: {text}" if text else None}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*COLUMNS, "readers"])
