"""The fitted networks: the template's brain and people's heads; of these the older adults took part in the fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import load_template
from angiolith.core.images import Image, canonical, read_ct, read_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.tables import OK
from tests.real_data import REAL, SKIP_REASON

FOLDER = Path(__file__).parents[2] / "resources/brain_model"
real = pytest.mark.skipif(not REAL.is_dir(), reason=SKIP_REASON)


@pytest.fixture(scope="module")
def model() -> BrainModel:
    return read_brain_model(FOLDER)


def test_the_files_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("*.onnx")]
    assert len(sizes) == 3
    assert max(sizes) < 2 * 2**20


@pytest.mark.parametrize("inverted", [False, True])
def test_the_templates_brain_is_found_in_either_contrast(model: BrainModel, inverted: bool) -> None:
    template, brain = load_template(2)
    level = float(template.data[brain.data].max())
    data = np.where(brain.data, 1.1 * level - template.data, 0) if inverted else template.data
    result = segment_brain(template.with_data(data.astype(np.float32)), False, model, BrainSettings())
    both = np.count_nonzero(result.brain & brain.data)
    assert 2 * both / (np.count_nonzero(result.brain) + np.count_nonzero(brain.data)) > 0.93
    assert result.status == OK


@real
@pytest.mark.parametrize(("subject", "least"), [("03", 0.945), ("09", 0.955)])
def test_an_older_adults_brain_is_found(model: BrainModel, subject: str, least: float) -> None:
    folder = REAL / "older_adults"
    image = read_image(folder / f"sub-{subject}_T1w.nii.gz")
    truth = read_image(folder / f"sub-{subject}_space-T1w_desc-muse_dseg.nii.gz").data > 0
    result = segment_brain(image, False, model, BrainSettings())
    assert result.status == OK
    assert 2 * np.count_nonzero(result.brain & truth) / (result.brain.sum() + truth.sum()) > least


@real
def test_ventricles_of_thick_slices_have_their_volume(model: BrainModel) -> None:
    image = read_image(REAL / "ms_thick_slices/sub-03_FLAIR.nii.gz")
    truth = read_image(REAL / "ms_thick_slices/sub-03_desc-ventricles_mask.nii.gz").data > 0
    result = segment_brain(image, False, model, BrainSettings())
    assert result.status == OK
    assert result.ventricles.sum() == pytest.approx(truth.sum(), rel=0.1)


@real
def test_a_cts_brain_lies_within_the_skull(model: BrainModel) -> None:
    image = read_ct(REAL / "ct_normal_head/ct.nii.gz")
    result = segment_brain(image, True, model, BrainSettings())
    assert result.status == OK
    within = image.data[result.brain]
    assert (within > 300).mean() < 0.05  # bone
    assert (within < -100).mean() < 0.01  # air; the forehead of this scan was cut away


@real
@pytest.mark.parametrize("axis", [1, 2])
def test_a_slab_of_40_mm_has_its_brain_without_the_skull(model: BrainModel, axis: int) -> None:
    folder = REAL / "older_adults"
    whole = canonical(read_image(folder / "sub-03_T1w.nii.gz"))
    truth = canonical(read_image(folder / "sub-03_space-T1w_desc-muse_dseg.nii.gz")).data > 0
    middle = int(ndimage.center_of_mass(truth)[axis]) - 10
    box = tuple(slice(middle, middle + 20) if k == axis else slice(None) for k in range(3))
    affine = whole.affine.copy()
    affine[:3, 3] += middle * affine[:3, axis]
    result = segment_brain(Image(whole.data[box], affine), False, model, BrainSettings())
    assert result.status == OK
    both = np.count_nonzero(result.brain & truth[box])
    assert 2 * both / (result.brain.sum() + truth[box].sum()) > 0.94
