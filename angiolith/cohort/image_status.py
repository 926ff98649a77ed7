"""What the checks of the images say of each subject-session, and images that two of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from angiolith.core.tables import FAILED, join_reasons, worst_status

CT_FACTS = ("kvp", "contrast_agent", "convolution_kernel", "sharp_kernel")  # as ct_<name>; missing is unknown
COLUMNS = ["subject", "session", "images_status", "images_reason", *(f"ct_{name}" for name in CT_FACTS)]


def image_status(checks: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per subject-session from the content of its desc-check_images.json, with the columns `COLUMNS`.

    An image whose voxels another subject or another visit has too is failed in both: one of them is a copy, and nobody
    but the user can know which.

    Parameters
    ----------
    checks : Iterable[Mapping[str, Any]]
        Contents of the sessions' image checks.

    Returns
    -------
    pd.DataFrame
        One row per session.
    """
    every = list(checks)
    holders: dict[str, list[str]] = {}
    for check in every:
        for image in check["images"].values():
            if image["status"] != FAILED and "voxels_sha256" in image:
                holders.setdefault(image["voxels_sha256"], []).append(_name(check))
    rows = []
    for check in every:
        reasons = [check["reason"] or ""]
        for column, image in check["images"].items():
            others = sorted(set(holders.get(image.get("voxels_sha256", ""), [])) - {_name(check)})
            if others:
                reasons.insert(0, f"{column}: the same voxels as an image of {', '.join(others)}; replace the copy")
        status = worst_status(check["status"], FAILED) if len(reasons) > 1 else check["status"]
        scan = check["images"].get("ct", {})
        facts = [_cell(scan.get(name)) for name in CT_FACTS]
        rows.append((check["subject"], check["session"], status, join_reasons(*reasons) or None, *facts))
    return pd.DataFrame(rows, columns=COLUMNS)


def _cell(value: Any) -> Any:
    """A fact as a cell: yes and no as 1 and 0."""
    return float(value) if isinstance(value, bool) else value


def _name(check: Mapping[str, Any]) -> str:
    return f"sub-{check['subject']} ses-{check['session']}"
