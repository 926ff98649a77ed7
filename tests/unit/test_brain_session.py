"""Brain and way to the template of one session: what cannot be used says why, and makes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from angiolith.brain import session
from angiolith.brain.session import BrainAndTransform, brain_and_transform
from angiolith.core.images import Image, write_image
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import write_not_made
from angiolith.small_vessel.session import NotMeasured
from angiolith.small_vessel.wmh.session import made_brain
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
    found = brain_and_transform(given, "T1w", stand_in(), BrainSettings(), BrainToolSettings(), *limits)
    assert found.brain is None
    assert found.to_template is None
    assert found.tissues is None
    assert found.facts["status"] == "failed"
    assert words in found.facts["reason"]
    assert ("volumes_cm3" in found.facts) == (status == "ok")


THRESHOLD = (
    "import sys, nibabel as nib; image = nib.load(sys.argv[1]);"
    "nib.save(nib.Nifti1Image((image.get_fdata() > 300).astype('uint8'), image.affine), sys.argv[2])"
)


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Image]:
    """Inputs of a session whose T1w is a sphere; no way to the template is found."""

    def astray(*_arguments: Any) -> None:
        raise ValueError("the registration went astray")

    monkeypatch.setattr(session, "register_to_template", astray)
    image, truth = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    write_image(image.data, image.affine, tmp_path / "t1w.nii.gz")
    write_image(truth.astype(np.uint8), image.affine, tmp_path / "brain.nii.gz")
    write_image(truth.astype(np.uint8)[1:], image.affine, tmp_path / "elsewhere.nii.gz")
    (tmp_path / "checks.json").write_text(json.dumps({"images": {"T1w": {"status": "ok"}}}))
    return {"reference": str(tmp_path / "t1w.nii.gz"), "checks": str(tmp_path / "checks.json")}, image


def found_in(given: Any, tool: BrainToolSettings | None = None) -> BrainAndTransform:
    limits = RigidSettings(), TemplateReviewSettings()
    return brain_and_transform(given, "T1w", stand_in(), BrainSettings(), tool or BrainToolSettings(), *limits)


def test_the_brain_of_a_user_goes_before_that_of_a_tool_and_that_before_the_networks(
    head: tuple[dict[str, Any], Image], tmp_path: Path
) -> None:
    given, image = head
    drawn = Image(image.data, image.affine).data > 300  # what the tool takes for brain
    tool = BrainToolSettings(command=f'{sys.executable} -c "{THRESHOLD}" {{image}} {{mask}}', version="3")
    built_in, by_tool = found_in(given), found_in(given, tool)
    by_user = found_in(given | {"given_brain": str(tmp_path / "brain.nii.gz")}, tool)
    for found, source in ((built_in, "built-in"), (by_tool, "tool"), (by_user, "user")):
        assert found.facts["brain_source"] == source
        assert found.facts["reason"] == "the registration went astray"
        assert found.tissues is not None  # the brain was found though the way was not
        assert found.brain is None
    assert by_tool.tissues is not None
    assert ((by_tool.tissues.data > 0) == drawn).all()
    assert by_tool.facts["brain_tool"]["version"] == "3"


def test_a_brain_mask_on_another_grid_and_a_tool_that_fails_are_refused(
    head: tuple[dict[str, Any], Image], tmp_path: Path
) -> None:
    given, _ = head
    other = found_in(given | {"given_brain": str(tmp_path / "elsewhere.nii.gz")})
    assert other.tissues is None
    assert "the given brain mask and its image" in other.facts["reason"]
    failing = found_in(given, BrainToolSettings(command=f'{sys.executable} -c "raise SystemExit(3)"'))
    assert failing.tissues is None
    assert "brain_tool: the command ended with code 3" in failing.facts["reason"]


def test_a_flairs_brain_is_read_where_the_registration_step_made_it(tmp_path: Path) -> None:
    tissues = np.zeros((6, 6, 6), np.uint8)
    tissues[2:4, 2:4, 2:4] = 4
    write_image(tissues, np.eye(4), tmp_path / "tissues.nii.gz")
    (tmp_path / "facts.json").write_text(json.dumps({"reason": "no brain is seen in the image"}))
    given: Any = {"brain_tissues": str(tmp_path / "tissues.nii.gz"), "brain_facts": str(tmp_path / "facts.json")}
    brain, found = made_brain(given)
    assert (found == tissues).all()
    assert (brain == (tissues > 0)).all()
    write_not_made(tmp_path / "none.nii.gz")
    with pytest.raises(NotMeasured, match="the brain on the FLAIR: no brain is seen"):
        made_brain(given | {"brain_tissues": str(tmp_path / "none.nii.gz")})
