"""Brain and way to the template of one session: what cannot be used says why, and makes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from angiolith.brain.session import brain_and_way
from angiolith.core.images import write_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from tests.unit.test_brain_segment import sphere, stand_in, turned


@pytest.mark.parametrize(
    ("status", "radius_mm", "words"),
    [("failed", 60.0, "a stripe"), ("ok", 50.0, "a brain of"), ("ok", 0.0, "the image is empty")],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, status: str, radius_mm: float, words: str) -> None:
    affine = turned(0, (3.0, 3.0, 3.0), (0, 0, 0))
    data = sphere((60, 60, 60), affine, radius_mm=radius_mm)[0].data if radius_mm else np.zeros((60,) * 3, np.float32)
    write_image(data, affine, tmp_path / "t1w.nii.gz")
    checks = {"images": {"T1w": {"status": status, "reason": "a stripe", "findings": []}}}
    (tmp_path / "checks.json").write_text(json.dumps(checks))
    given: Any = {"reference": str(tmp_path / "t1w.nii.gz"), "checks": str(tmp_path / "checks.json")}
    limits = RigidSettings(), TemplateReviewSettings()
    found = brain_and_way(given, "T1w", stand_in(), BrainSettings(), *limits)
    assert found.brain is None
    assert found.way is None
    assert found.facts["status"] == "failed"
    assert words in found.facts["reason"]
    assert ("volumes_cm3" in found.facts) == (status == "ok")
