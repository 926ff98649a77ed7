"""The phantoms' model of anatomy: what the file holds, and that samples are heads of other people."""

import numpy as np
import pytest

from phantoms.anatomy import standard_head
from phantoms.geometry import Grid
from phantoms.head import ANATOMICAL, make_head
from phantoms.head import MODEL as MODEL_ANATOMY
from phantoms.shape_model import (
    MAX_SD,
    MODEL,
    anatomy_model,
    draw_weights,
    field_mm,
    head_size,
    mean_weights,
    ray_directions,
    thickness_ratio,
    tissue_maps,
)

AFFINE = np.diag([3.0, 3, 3, 1])
AFFINE[:3, 3] = (-90, -129, -72)
COARSE = Grid((61, 74, 54), AFFINE)


@pytest.fixture(scope="module")
def model():
    return anatomy_model()


def volumes_cm3(maps: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(part.sum()) * 27 / 1000 for name, part in maps.items()}


def test_the_file_is_small_and_its_card_keeps_the_notice():
    assert MODEL.stat().st_size < 1_000_000
    card = MODEL.with_name("README.md").read_text(encoding="utf-8")
    assert "University of Pennsylvania" in card
    assert "No endorsement" in card


def test_shares_of_a_sample_are_a_brain(model):
    weights = draw_weights(np.random.default_rng(5), model)
    maps = tissue_maps(model, weights, COARSE)
    total = sum(maps.values())
    assert all(part.min() >= 0 for part in maps.values())
    assert total.max() <= 1 + 1e-5
    cm3 = volumes_cm3(maps)
    assert 5 < cm3["ventricle"] < 200  # in MNI152's frame, larger than a head
    assert 900 < cm3["grey"] + cm3["white"] < 2100


def test_samples_differ_from_each_other_and_repeat(model):
    first, again, other = (draw_weights(np.random.default_rng(seed), model) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.field, again.field)
    moved = field_mm(model, first, COARSE) - field_mm(model, other, COARSE)
    assert np.linalg.norm(moved, axis=0).max() > 2.0
    assert (head_size(model, first) != head_size(model, other)).any()


def test_weights_stay_within_their_limit(model):
    drawn = [draw_weights(np.random.default_rng(seed), model).tissue for seed in range(200)]
    assert np.abs(drawn).max() == MAX_SD


def test_thickness_is_what_its_direction_has(model):
    rays = ray_directions()[3, 4]
    ratio, ray = thickness_ratio(model, mean_weights(model), np.array([[0.0, -18, 8]]) + 80 * rays)
    np.testing.assert_allclose(ray[0], rays, atol=1e-6)
    assert ratio[0] == pytest.approx(float(np.exp(model.thickness[3, 4])), rel=1e-6)


def test_a_head_is_built_on_the_model_with_the_anatomical_skull_base():
    head = make_head(np.random.default_rng(11), 1.8, 0.6, None, MODEL_ANATOMY, ANATOMICAL)
    cm3 = head.grid.voxel_mm3 / 1000
    template = standard_head()
    assert 800 < float((head.anatomy.grey + head.anatomy.white).sum()) * cm3 < 1500
    assert 10 < float(head.anatomy.ventricle.sum()) * cm3 < 130
    assert head.skull_base is not None
    own, average = head.anatomy.grey > 0.5, template.grey > 0.5
    assert 2 * (own & average).sum() / (own.sum() + average.sum()) < 0.75
    total = sum(head.shares.values())
    np.testing.assert_allclose(total[::4, ::4, ::4], 1, atol=1e-4)
