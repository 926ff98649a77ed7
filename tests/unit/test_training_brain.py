"""Scans that the brain's networks are fitted on: what is cut off is ignored, what is seen keeps its class."""

import numpy as np
import pytest

from training import brain_sampler
from training.brain_labels import LABELS, outside_labels
from training.brain_sampler import IGNORE, TABLE, Mix, blur, draw, slices
from training.brain_warps import EDGE, spread, warp


@pytest.fixture(scope="module")
def copy():
    """A ball of white matter with ventricles in it, fluid around it and skull around that, as a warped head is kept."""
    x, y, z = np.mgrid[0:EDGE, 0:EDGE, 0:EDGE] - (EDGE - 1) / 2
    radius = np.sqrt(x**2 + y**2 + z**2)
    label = np.zeros((EDGE,) * 3, np.uint8)
    rings = ((44, "skull_dark"), (38, "csf"), (34, "white"), (8, "ventricles"))
    for outer, name in rings:
        label[radius < outer] = LABELS[name]
    t1w = np.select([label == LABELS["white"], label == LABELS["csf"]], [200, 60], 90).astype(np.uint8)
    return np.stack([label, np.where(label > 0, t1w, 0).astype(np.uint8), np.where(z > -20, t1w, 0).astype(np.uint8)])


def plain(**chances):
    return Mix(**({"t1w": 0, "flair": 0, "ct": 0, "stripped": 0, "defaced": 0, "cropped": 0, "thick": 0} | chances))


@pytest.mark.parametrize("chances", [{}, {"ct": 1.0}, {"t1w": 1.0}, {"thick": 1.0}, {"stripped": 1.0}])
def test_a_sample_has_the_classes_of_its_head(copy, chances):
    image, classes = draw(copy, np.random.default_rng(3), plain(**chances))
    assert image.shape == classes.shape == (EDGE,) * 3
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert image.max() <= 2
    truth = TABLE[copy[0]]
    seen = classes != IGNORE
    assert (classes[seen] == truth[seen]).mean() > 0.99
    assert not (~seen & (truth == 0)).any()


def test_brain_below_the_flairs_field_of_view_is_ignored(copy):
    _, classes = draw(copy, np.random.default_rng(1), plain(flair=1.0))
    assert (classes[:, :, 34:38] != IGNORE)[TABLE[copy[0]][:, :, 34:38] == 0].all()
    assert (classes[64, 64, 34:38] == IGNORE).all()
    assert (classes[:, :, 60:] != IGNORE).all()


def test_cropped_brain_is_ignored_and_black(copy):
    for seed in range(8):
        image, classes = draw(copy, np.random.default_rng(seed), plain(cropped=1.0))
        assert (image[classes == IGNORE] == 0).all()


def test_a_head_without_t1w_is_its_flair_and_nothing_beyond_the_field_of_view_is_learnt(copy):
    thick = copy.copy()
    thick[1] = 0
    thick[0][:, :, :40] = IGNORE
    thick[2][:, :, :40] = 0
    image, classes = draw(thick, np.random.default_rng(2), plain(thick=1.0, ct=1.0))
    beyond = classes == IGNORE
    assert beyond[:, :, :40].all()
    assert not beyond[:, :, 50:].any()
    assert image[64, 64, 90] > image[64, 64, 64]  # white matter above the ventricles, as on its FLAIR


def test_slabs_keep_30_to_90_mm_of_the_brain(copy, monkeypatch):
    monkeypatch.setattr(brain_sampler, "SLABS", 1.0)
    for seed in range(6):
        _, classes = draw(copy, np.random.default_rng(seed), plain(cropped=1.0))
        seen = (classes > 0) & (classes != IGNORE)
        lengths = [np.count_nonzero(seen.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        assert 14 <= min(lengths) <= 46


def test_slices_and_blur_keep_a_constant():
    rng = np.random.default_rng(0)
    for matrix in (slices(rng), slices(rng), blur(0.4), blur(1.5)):
        assert matrix.sum(1) == pytest.approx(1, abs=1e-5)


def test_spread_runs_straight_between_knots():
    cube = np.zeros((2, 2, 2), np.float32)
    cube[1] = 1
    assert spread(cube)[:, 5, 9] == pytest.approx(np.linspace(0, 1, EDGE), abs=1e-6)


def test_a_warp_keeps_every_label(copy):
    head = {"label": copy[0], "t1w": copy[1], "flair": copy[2]}
    out = warp(head, np.random.default_rng(5), small=True)
    assert set(np.unique(out[0])) == set(np.unique(copy[0]))
    white = np.count_nonzero(out[0] == LABELS["white"]) / np.count_nonzero(copy[0] == LABELS["white"])
    assert 0.75 < white < 1.35  # stretched by 5 % at most on each axis


def test_dark_shell_around_the_brain_is_skull():
    x, y, z = np.mgrid[0:80, 0:80, 0:80] - 40.0
    radius = np.sqrt(x**2 + y**2 + z**2)
    inside = radius < 24
    t1w = np.select([inside, radius < 29, radius < 35], [100.0, 10.0, 130.0], 0.0)
    label = outside_labels(t1w, inside, 2.0)
    assert (label[(radius > 25.5) & (radius < 28)] == LABELS["skull_dark"]).all()
    assert (label[(radius > 32) & (radius < 34)] >= LABELS["outside_first"]).all()
    assert (label[radius > 37] == 0).all()
