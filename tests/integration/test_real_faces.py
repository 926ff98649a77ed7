"""The faces of a real T1w and of a CT of the same head end at one plane; brains and their tissues stay the same."""

import json

import numpy as np
import pytest

from angiolith.brain.deface import NEAREST_MM, SessionFaces
from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import mask_points, read_ct, read_mri
from angiolith.core.settings.brain import BrainSettings
from tests.real_data import REAL, ROOT, SKIP_REASON

FOLDER = REAL / "pseudo_ct"
pytestmark = [pytest.mark.workflow, pytest.mark.skipif(not FOLDER.is_dir(), reason=SKIP_REASON)]


def test_ct_and_mri_are_cut_alike_and_no_brain_is_cut():
    model = read_brain_model(ROOT / "resources/brain_model")
    faces = SessionFaces(model, frozenset({"T1w", "ct"}))
    of_mri, of_ct = (faces.plane(FOLDER / f"{name}.nii.gz", name) for name in ("T1w", "ct"))
    truth = json.loads((FOLDER / "truth.json").read_text())
    moved = of_ct.placed(np.array(truth["ct_to_t1"]))
    assert np.degrees(np.arccos(np.clip(moved.normal @ of_mri.normal, -1, 1))) < 1
    assert abs(moved.offset_mm - of_mri.offset_mm) < 2
    for name, plane in (("T1w", of_mri), ("ct", of_ct)):
        image = (read_ct if name == "ct" else read_mri)(FOLDER / f"{name}.nii.gz")
        known = faces.tissues[name].data
        assert (mask_points(image.affine, known > 0) @ plane.normal).max() < plane.offset_mm - NEAREST_MM
        cut = image.with_data(np.where(plane.face(known.shape, image.affine), image.data.min(), image.data))
        found = segment_brain(cut, name == "ct", model, BrainSettings(), known)  # as the workflow does with the copy
        assert (found.status, found.complete) == ("ok", True)
        np.testing.assert_array_equal(found.tissues, known)
        np.testing.assert_array_equal(found.brain, known > 0)
