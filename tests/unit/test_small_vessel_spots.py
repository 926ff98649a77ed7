"""Microbleeds and lacunes: spots of known place and size among vessels, voids, sulci and calcium."""

from types import SimpleNamespace

import numpy as np
import pytest

from angiolith.core.images import Image
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.small_vessel.lacunes.detect import detect_lacunes
from angiolith.small_vessel.microbleeds.detect import darkness_of, detect_microbleeds, hu_percentile

MICROBLEEDS = MicrobleedDetectSettings()
LACUNES = LacuneDetectSettings()
RADIUS_MM = 38.0


def grid(voxel_mm, half_mm=42.0):
    """Affine, and the points (mm) of 2 x 2 x 2 sub-voxels (axis 0) of a grid about the origin."""
    voxel_mm = np.array(voxel_mm)
    shape = np.ceil(2 * half_mm / voxel_mm).astype(int)
    affine = np.diag([-voxel_mm[0], voxel_mm[1], voxel_mm[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    index = np.moveaxis(np.indices(shape), 0, -1)
    steps = np.stack(np.meshgrid([-0.25, 0.25], [-0.25, 0.25], [-0.25, 0.25], indexing="ij"), -1).reshape(-1, 3)
    return affine, [(index + step) @ affine[:3, :3].T + affine[:3, 3] for step in steps]


def ball(points, centre, radius):
    return np.linalg.norm(points - np.asarray(centre), axis=-1) <= radius


def paint(points, levels):
    """Mean over sub-voxels of the last level whose shape holds the point: levels = [(shape, value), ...]."""
    total = 0.0
    for part in points:
        value = np.zeros(part.shape[:-1])
        for shape, level in levels:
            value = np.where(shape(part), level, value)
        total = total + value
    return total / len(points)


BLEEDS = {(20.0, 10.0, 5.0): 2.0, (-15.0, -12.0, 12.0): 1.8, (5.0, 20.0, -12.0): 4.0}  # centre: radius


def swi(voxel_mm=(0.9, 0.9, 2.0), bleeds=BLEEDS, noise=3.0):
    affine, points = grid(voxel_mm)
    levels = [(lambda p: ball(p, (0, 0, 0), RADIUS_MM), 100.0)]
    levels += [(lambda p, c=centre, r=radius: ball(p, c, r), 20.0) for centre, radius in bleeds.items()]
    levels += [
        (lambda p: (np.hypot(p[..., 0] + 25, p[..., 1] - 10) < 1.0) & ball(p, (0, 0, 0), 35), 20.0),  # a vein, upright
        (lambda p: (np.hypot(p[..., 2] - 20, p[..., 1] + 18) < 1.2) & ball(p, (0, 0, 0), 35), 20.0),  # one in the slice
        (lambda p: ball(p, (0, 5, -28), 8.0), 5.0),  # air at the skull base
    ]
    data = paint(points, levels)
    brain = paint(points, levels[:1]) > 50
    data = data + np.random.default_rng(0).normal(0, noise, data.shape) * (data > 0)
    return Image(np.maximum(data, 0).astype(np.float32), affine), brain


@pytest.mark.parametrize("voxel_mm", [(0.9, 0.9, 2.0), (1.0, 1.0, 1.0), (0.7, 0.7, 3.0)])
def test_microbleeds_are_found_and_vessels_and_voids_are_not(voxel_mm):
    # thinner than 1.3 slices, a bleed is thinned out by the tissue around it: not promised
    bleeds = {centre: radius for centre, radius in BLEEDS.items() if 2 * radius > 1.3 * voxel_mm[2]}
    image, brain = swi(voxel_mm, bleeds)
    found, labels = detect_microbleeds(image, brain, MICROBLEEDS)
    points = found[["x_mm", "y_mm", "z_mm"]].to_numpy()
    assert len(found) == len(bleeds)
    assert set(np.unique(labels)) == {0, *found["microbleed"]}
    for centre, radius in bleeds.items():
        gaps = np.linalg.norm(points - centre, axis=1)
        nearest = gaps.argmin()
        assert gaps[nearest] < 0.7
        assert found["diameter_mm"][nearest] == pytest.approx(2 * radius, rel=0.25)
    assert found["hu_p90"].isna().all()
    assert (found["kind"] == "microbleed").all()


@pytest.mark.parametrize("voxel_mm", [(0.9, 0.9, 2.0), (1.0, 1.0, 1.0), (0.7, 0.7, 3.0)])
def test_darkness_tells_spots_from_tissue_and_asks_for_no_form(voxel_mm):
    centres = [centre for centre, radius in BLEEDS.items() if 2 * radius > 1.3 * voxel_mm[2]]
    image, brain = swi(voxel_mm, {centre: BLEEDS[centre] for centre in centres})
    darkness = darkness_of(image, brain, MICROBLEEDS)
    assert (darkness(np.array(centres)) > 0.7).all()
    assert darkness(np.array([(-25.0, 10.0, 5.0)]))[0] > 0.4  # the upright vein
    assert (np.abs(darkness(np.array([(5.0, 20.0, 0.0), (-10.0, 15.0, 12.0)]))) < 0.2).all()
    assert np.isnan(darkness(np.array([(200.0, 0.0, 0.0)]))).all()
    assert darkness(np.empty((0, 3))).shape == (0,)


def test_the_ct_tells_calcium_from_blood():
    image, brain = swi()
    affine = np.diag([0.6, 0.6, 1.25, 1.0])
    affine[:3, 3] = -45.0
    ct = Image(np.full((150, 150, 72), 35.0, np.float32), affine)
    points = np.moveaxis(np.indices(ct.data.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    ct.data[ball(points, (20.0, 10.0, 5.0), 2.5)] = 250.0  # calcium
    ct.data[ball(points, (-15.0, -12.0, 12.0), 2.5)] = 65.0  # blood
    found, _ = detect_microbleeds(image, brain, MICROBLEEDS, lambda point, radius: hu_percentile(ct, point, radius))
    assert len(found) == len(BLEEDS)
    for centre, kind in zip(BLEEDS, ("calcification", "microbleed", "microbleed"), strict=True):
        gaps = np.linalg.norm(found[["x_mm", "y_mm", "z_mm"]] - np.array(centre), axis=1)
        assert found["kind"][gaps.argmin()] == kind


def test_a_spot_where_the_template_has_no_tissue_is_no_microbleed():
    image, brain = swi()
    _, points = grid((0.9, 0.9, 2.0))
    ventricle = paint(points, [(lambda p: ball(p, (20.0, 10.0, 5.0), 6.0), 1.0)])
    found, _ = detect_microbleeds(image, brain, MICROBLEEDS, tissue=brain - ventricle)
    inside = np.linalg.norm(found[["x_mm", "y_mm", "z_mm"]] - np.array((20.0, 10.0, 5.0)), axis=1) < 1
    assert found["kind"][inside].tolist() == ["outside tissue"]
    assert (found["kind"][~inside] == "microbleed").all()
    assert len(found) == len(BLEEDS)


def test_hu_outside_the_ct_is_missing():
    ct = Image(np.full((10, 10, 10), 50.0, np.float32), np.eye(4))
    assert hu_percentile(ct, np.array([5.0, 5.0, 5.0]), 2.0) == 50.0
    assert np.isnan(hu_percentile(ct, np.array([500.0, 5.0, 5.0]), 2.0))
    assert np.isnan(hu_percentile(ct, np.array([-30.0, 5.0, 5.0]), 2.0))


def test_a_clean_brain_has_no_microbleeds():
    image, brain = swi(bleeds={})
    found, labels = detect_microbleeds(image, brain, MICROBLEEDS)
    assert found.empty
    assert not labels.any()


def t1_and_flair(spots):
    """T1w and FLAIR of a ball-shaped brain: a ventricle in the middle, a sulcus, CSF-like spots {centre: radius}."""
    affine, points = grid((1.0, 1.0, 1.0))
    shapes = {
        "brain": lambda p: ball(p, (0, 0, 0), RADIUS_MM),
        "white": lambda p: ball(p, (0, 0, 0), RADIUS_MM - 5),
        "ventricle": lambda p: ball(p, (0, 0, 0), 9.0),
        "sulcus": lambda p: (np.abs(p[..., 0]) < 1.5) & (p[..., 1] > 22) & ball(p, (0, 0, 0), RADIUS_MM),
    }
    fluid = [(shapes["ventricle"], 30.0), (shapes["sulcus"], 30.0)]
    fluid += [(lambda p, c=centre, r=radius: ball(p, c, r), 30.0) for centre, radius in spots.items()]
    random = np.random.default_rng(1)
    t1, flair = (
        paint(points, [(shapes["brain"], grey), (shapes["white"], white), *((s, level) for s, _ in fluid)])
        for grey, white, level in ((70.0, 100.0, 25.0), (120.0, 100.0, 15.0))
    )
    maps = {name: paint(points, [(shape, 1.0)]) for name, shape in shapes.items()}
    free = np.maximum(maps["ventricle"], maps["sulcus"])
    priors = {
        "wm": np.clip(maps["white"] - free, 0, 1),
        "gm": np.clip(maps["brain"] - maps["white"] - free, 0, 1),
        "ventricles": maps["ventricle"],
        "deep_grey": np.zeros_like(free),
    }
    t1, flair = (data + random.normal(0, 2, data.shape) * (data > 0) for data in (t1, flair))
    brain = maps["brain"] > 0.5
    return SimpleNamespace(t1w=Image(t1.astype(np.float32), affine), flair=flair, brain=brain, priors=priors)


def test_lacunes_are_found_and_ventricle_and_sulcus_are_not():
    spots = {(20.0, 0.0, 8.0): 3.0, (-18.0, 10.0, -6.0): 5.0, (0.0, -24.0, 5.0): 2.0}
    case = t1_and_flair(spots)
    found, labels = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, LACUNES)
    points = found[["x_mm", "y_mm", "z_mm"]].to_numpy()
    assert len(found) == len(spots) == len(np.unique(labels)) - 1
    for centre, radius in spots.items():
        gaps = np.linalg.norm(points - centre, axis=1)
        nearest = gaps.argmin()
        assert gaps[nearest] < 0.7
        assert found["diameter_mm"][nearest] == pytest.approx(2 * radius, rel=0.15)
        away_mm = np.linalg.norm(centre) - radius - 9.0
        assert found["from_ventricles_mm"][nearest] == pytest.approx(away_mm, abs=1.5)


def test_a_lacune_that_the_voxels_do_not_resolve_is_a_candidate():
    case = t1_and_flair({(20.0, 0.0, 8.0): 3.0, (0.0, -24.0, 5.0): 2.0})
    settings = LACUNES.model_copy(update={"sure_voxels_min": 5.0})  # voxels of 1 mm: sure from 5 mm on
    found, _ = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, settings)
    found = found.sort_values("diameter_mm")
    assert found["certainty"].tolist() == ["candidate", "sure"]
    assert found["status"].tolist() == ["review", "ok"]
    assert "resolved from 5.0 mm" in found["reason"].iloc[0]
    sure, _ = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, LACUNES)
    assert sure["certainty"].tolist() == ["sure", "sure"]


def test_too_small_too_large_and_flair_bright_spots_are_no_lacunes():
    case = t1_and_flair({(20.0, 0.0, 8.0): 1.2, (-20.0, 0.0, 0.0): 8.5})
    found, _ = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, LACUNES)
    assert found.empty
    case = t1_and_flair({(20.0, 0.0, 8.0): 4.0})
    points = np.moveaxis(np.indices(case.flair.shape), 0, -1) @ case.t1w.affine[:3, :3].T + case.t1w.affine[:3, 3]
    bright = np.where(ball(points, (20.0, 0.0, 8.0), 5.0), 180.0, case.flair)  # a lesion dark on T1w, bright on FLAIR
    found, _ = detect_lacunes(case.t1w, bright, case.brain, case.priors, LACUNES)
    assert found.empty


def test_what_touches_a_lesion_that_a_reader_drew_is_no_lacune():
    first, second = (20.0, 0.0, 8.0), (-18.0, 10.0, -6.0)
    case = t1_and_flair({first: 3.0, second: 4.0})
    points = np.moveaxis(np.indices(case.flair.shape), 0, -1) @ case.t1w.affine[:3, :3].T + case.t1w.affine[:3, 3]
    beside = ball(points, (first[0] + 4.0, *first[1:]), 2.5)  # an infarct whose edge lies in the first
    found, labels = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, LACUNES, beside)
    assert len(found) == 1
    assert np.linalg.norm(found[["x_mm", "y_mm", "z_mm"]].to_numpy()[0] - second) < 0.7
    assert not labels[beside].any()
    without, _ = detect_lacunes(case.t1w, case.flair, case.brain, case.priors, LACUNES)
    assert len(without) == 2


@pytest.mark.parametrize(("flair_around", "lacunes"), [(120.0, 0), (170.0, 1)], ids=["cortex", "a lesion's rim"])
def test_a_spot_lies_among_tissue_and_the_end_of_a_sulcus_among_cortex(flair_around, lacunes):
    """Both surroundings have grey matter's level on T1w; the template knows of neither."""
    place = (20.0, 0.0, 8.0)
    case = t1_and_flair({place: 2.5})
    points = np.moveaxis(np.indices(case.flair.shape), 0, -1) @ case.t1w.affine[:3, :3].T + case.t1w.affine[:3, 3]
    around = ball(points, place, 7.0) & ~ball(points, place, 3.0)
    t1w = case.t1w.with_data(np.where(around, np.float32(70), case.t1w.data))
    found, _ = detect_lacunes(t1w, np.where(around, flair_around, case.flair), case.brain, case.priors, LACUNES)
    assert len(found) == lacunes
