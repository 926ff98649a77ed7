"""WMH on an analytic head: ellipsoids of tissue, balls of lesion, oblique and anisotropic grids."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from angiolith.brain.segment import TISSUES as BRAIN
from angiolith.change import half_way
from angiolith.change.half_way import Visit, growth_and_shrinkage_cm3, wmh_pair
from angiolith.core.distance import distance_mm, open_to_the_edge
from angiolith.core.images import Image, bounding_box, crop, write_image
from angiolith.core.settings.wmh import WmhSegmentSettings, WmhToolSettings
from angiolith.core.tables import OK, REVIEW
from angiolith.small_vessel.grid import closed, depth_mm, drop_small
from angiolith.small_vessel.tissues import (
    INFARCT,
    TissueError,
    correct_bias,
    grey_levels,
    mode_of,
    onto,
    template_prior,
)
from angiolith.small_vessel.wmh import session
from angiolith.small_vessel.wmh.network import read_wmh_model
from angiolith.small_vessel.wmh.segment import high_enough, mask_of, one_sided, segment_wmh, volume_interval_cm3
from angiolith.small_vessel.wmh.working import make_working

SETTINGS = WmhSegmentSettings()
MODEL = read_wmh_model(Path(__file__).parents[2] / "resources/wmh_model/wmh.onnx")
LEVELS = {"csf": 20.0, "wm": 100.0, "gm": 120.0, "wmh": 180.0}
RADII_MM = np.array([44.0, 50.0, 42.0])
HORNS = [(np.array([side * 9.0, 0.0, 4.0]), np.array([5.0, 18.0, 7.0])) for side in (-1, 1)]
OBLIQUE = Rotation.from_euler("xyz", [8, -5, 12], degrees=True).as_matrix()


def inside(points, centre, radii_mm):
    return (((points - centre) / radii_mm) ** 2).sum(axis=-1) <= 1


@cache
def head(lesions=(), voxel_mm=(2.0, 2.0, 3.0), turned=True, seed=0, noise=4.0, shading=0.0, extracted=False):
    """FLAIR of a head with lesions ((x, y, z, radius), ...), its brain, priors and true lesion volume."""
    voxel_mm = np.array(voxel_mm)
    turn = OBLIQUE if turned else np.eye(3)
    shape = np.ceil(2 * 58.0 / voxel_mm).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * voxel_mm
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    flair = np.zeros(shape)
    priors = {name: np.zeros(shape, np.float32) for name in ("wm", "gm", "ventricles")}
    brain = np.zeros(shape)
    truth = np.zeros(shape)
    steps = (-0.25, 0.25)
    for offset in np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3):
        index = np.moveaxis(np.indices(shape), 0, -1) + offset
        points = index @ affine[:3, :3].T + affine[:3, 3]
        skin = inside(points, 0, RADII_MM + 12) & ~inside(points, 0, RADII_MM + 7)
        whole, core = inside(points, 0, RADII_MM), inside(points, 0, RADII_MM - 5)
        horns = np.any([inside(points, *horn) for horn in HORNS], axis=0)
        level = np.where(core, LEVELS["wm"], np.where(whole, LEVELS["gm"], 0.0 if extracted else 10.0))
        lesion = np.zeros(shape, bool)
        for *centre, radius in lesions:
            lesion |= (np.linalg.norm(points - centre, axis=-1) <= radius) & core & ~horns
        level = np.where(lesion, LEVELS["wmh"], np.where(horns, LEVELS["csf"], level))
        flair += np.where(skin, 0.0 if extracted else 250.0, level) / 8
        brain += whole / 8
        truth += lesion / 8
        priors["wm"] += (core & ~horns) / 8
        priors["gm"] += (whole & ~core) / 8
        priors["ventricles"] += horns / 8
    brain = brain > 0.5
    slope = 1 + shading * np.linspace(-1, 1, shape[1])[None, :, None]
    flair = flair * slope + np.random.default_rng(seed).normal(0, noise, shape) * (flair > 0)
    volume_cm3 = truth.sum() * np.prod(voxel_mm) / 1000
    tissues = np.where(
        priors["ventricles"] > 0.5, BRAIN["ventricles"], np.where(priors["wm"] > 0.5, BRAIN["white"], BRAIN["grey"])
    )
    tissues = np.where(brain, tissues, 0).astype(np.uint8)
    image = Image(np.maximum(flair * (brain if extracted else 1), 0).astype(np.float32), affine)
    return SimpleNamespace(
        flair=image, brain=brain, priors=priors, tissues=tissues, truth=truth > 0.5, volume_cm3=volume_cm3
    )


def _points(image):
    return np.moveaxis(np.indices(image.data.shape), 0, -1) @ image.affine[:3, :3].T + image.affine[:3, 3]


LESIONS = ((-22.0, 16.0, 10.0, 6.0), (20.0, -20.0, 12.0, 4.0), (9.0, 21.0, 4.0, 6.0))


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.mark.parametrize(
    ("voxel_mm", "shading", "extracted"),
    [((1.2, 1.2, 3.0), 0.0, False), ((1.0, 1.0, 6.0), 0.25, False), ((2.0, 2.0, 2.0), 0.1, True)],
)
def test_lesions_are_found_at_their_size_on_thick_and_oblique_slices(voxel_mm, shading, extracted):
    case = head(LESIONS, voxel_mm, shading=shading, extracted=extracted)
    found = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS)
    assert dice(found.mask, case.truth) > (0.75 if voxel_mm[2] < 5 else 0.7)
    volume_cm3 = found.mask.sum() * case.flair.voxel_volume_mm3 / 1000
    assert volume_cm3 == pytest.approx(case.volume_cm3, rel=0.35)
    assert found.status == OK, found.reason


def test_a_head_without_lesions_gives_zero_and_asks_for_a_look():
    case = head()
    found = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS)
    assert not found.mask.any()
    assert found.status == REVIEW
    assert "no hyperintensity" in found.reason


def test_grey_levels_scale_with_the_image():
    case = head(LESIONS)
    small = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS)
    large = segment_wmh(case.flair.with_data(case.flair.data * 40), case.brain, case.tissues, MODEL, SETTINGS)
    assert dice(small.mask, large.mask) > 0.99


def test_a_lesion_that_runs_into_the_cortex_is_marked_as_a_possible_infarct():
    case = head(((33.0, -5.0, 6.0, 11.0),))
    wedge = np.linalg.norm(_points(case.flair) - [38.0, -5.0, 6.0], axis=-1) < 12
    bright = case.flair.with_data(np.where(wedge & case.brain, 190.0, case.flair.data).astype(np.float32))
    found = segment_wmh(bright, case.brain, case.tissues, MODEL, SETTINGS)
    assert found.status == REVIEW
    assert "suspected infarct" in found.reason


def test_a_cut_field_of_view_is_said():
    case = head(LESIONS, turned=False)
    top = int(np.argwhere(case.truth)[:, 2].mean())
    part = Image(case.flair.data[:, :, : top + 1], case.flair.affine)
    found = segment_wmh(part, case.brain[:, :, : top + 1], case.tissues[:, :, : top + 1], MODEL, SETTINGS)
    assert "end of the field of view" in found.reason


def test_an_image_without_flair_contrast_is_refused():
    case = head(LESIONS)
    inverted = case.flair.with_data(np.where(case.brain, 300 - case.flair.data, 0).astype(np.float32))
    with pytest.raises(TissueError, match="CSF is not darker"):
        segment_wmh(inverted, case.brain, case.tissues, MODEL, SETTINGS)


def test_a_t1w_given_as_flair_is_refused_by_its_grey_matter():
    """Fluid is darker than white matter on both; on a T1w grey matter lies between them."""
    case = head()
    lower = {0.95: None, 0.7: "this is no FLAIR: .* grey matter lies at 0.[67]"}
    for height, words in lower.items():
        grey = LEVELS["csf"] + height * (LEVELS["wm"] - LEVELS["csf"])
        t1w = np.where(case.tissues == BRAIN["grey"], case.flair.data + grey - LEVELS["gm"], case.flair.data)
        image = case.flair.with_data(np.maximum(t1w, 0).astype(np.float32))
        if words is None:
            make_working(image, case.brain, case.tissues, 6.0, 5)
        else:
            with pytest.raises(TissueError, match=words):
                make_working(image, case.brain, case.tissues, 6.0, 5)


def test_a_t2w_whose_ventricles_hold_some_dark_voxels_is_refused():
    """Their darkest twentieth alone says nothing: choroid plexus and flow are dark on a T2w."""
    case = head()
    bright = np.where(case.tissues == BRAIN["ventricles"], 400.0, case.flair.data)
    few = np.flatnonzero(case.tissues == BRAIN["ventricles"])[::10]
    bright.ravel()[few] = 20.0
    with pytest.raises(TissueError, match="CSF is not darker"):
        make_working(case.flair.with_data(bright.astype(np.float32)), case.brain, case.tissues, 6.0, 5)


def test_what_the_ventricles_enclose_is_no_lesion():
    case = head()
    plexus = np.linalg.norm(_points(case.flair) - [9.0, 0.0, 4.0], axis=-1) < 3
    bright = case.flair.with_data(np.where(plexus, 190.0, case.flair.data).astype(np.float32))
    assert not segment_wmh(bright, case.brain, case.tissues, MODEL, SETTINGS).mask.any()


def test_what_is_not_likely_enough_or_too_small_is_no_lesion():
    likely = np.zeros((20, 10, 10), np.float32)
    likely[2:8, 2:8, 2:8] = SETTINGS.probability_min
    likely[8:12, 2:8, 2:8] = SETTINGS.probability_min - 0.01
    likely[15, 4, 3:5] = 0.9
    mask = mask_of(likely, 1.0, SETTINGS)
    assert mask[2:8, 2:8, 2:8].all()
    assert not mask[8:].any()


def test_what_is_faint_beside_the_scans_lesions_is_none():
    likely = np.zeros((40, 20, 6), np.float32)
    likely[2:12, 2:12], likely[20:30, 2:12] = 0.9, 0.6
    flair = np.zeros(likely.shape, np.float32)
    flair[likely > 0.8], flair[likely == np.float32(0.6)] = 1.0, 0.25
    kept = high_enough(likely, SimpleNamespace(flair=flair), SETTINGS)
    assert (kept[4:10, 4:10] == np.float32(0.9)).all()
    assert (kept[20:30] < SETTINGS.probability_min).all()
    assert (kept[22:28, 4:10] >= SETTINGS.probability_possible).all()  # possible: within the upper bound
    without_a_peak = high_enough(likely, SimpleNamespace(flair=flair + 0.4), SETTINGS)
    assert (without_a_peak[20:30] < SETTINGS.probability_min).all()
    assert (high_enough(likely, SimpleNamespace(flair=flair + 1.0), SETTINGS)[22:28, 4:10] > 0.5).all()


def test_the_bounds_of_the_volume_are_those_of_a_stricter_and_a_more_lenient_threshold():
    likely = np.zeros((10, 10, 10), np.float32)
    likely[:2], likely[2:5] = SETTINGS.probability_sure, SETTINGS.probability_possible
    assert volume_interval_cm3(likely, 2.0, SETTINGS) == pytest.approx([0.4, 1.0])


def test_hyperintensities_of_one_side_ask_for_a_look():
    ventricles, mask = np.zeros((2, 40, 20, 20), bool)
    ventricles[18:22], mask[28:38, 2:18, :] = True, True
    flair = Image(np.zeros(mask.shape, np.float32), np.diag([1.2, 1.2, 1.2, 1.0]))
    assert "on one side" in one_sided(mask, ventricles, flair)
    mask[2:12, 2:18, :] = True
    assert one_sided(mask, ventricles, flair) is None


def test_a_lesion_that_a_reader_drew_is_no_hyperintensity():
    case = head(LESIONS, (1.2, 1.2, 3.0))
    drawn = ndimage.binary_dilation(np.linalg.norm(_points(case.flair) - LESIONS[0][:3], axis=-1) < 7)
    found = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS, drawn)
    assert not found.mask[drawn].any()
    assert (found.tissues[drawn & case.brain] == INFARCT).all()
    assert found.facts["given_lesion_cm3"] > 0


def test_acute_lesions_on_dwi_are_no_hyperintensities_and_leave_the_rest_as_it_is():
    case = head(LESIONS, (1.2, 1.2, 3.0))
    acute = np.linalg.norm(_points(case.flair) - LESIONS[0][:3], axis=-1) < 9
    before = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS)
    found = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS, acute=acute)
    assert before.mask[acute].any()
    assert not found.mask[acute].any()
    np.testing.assert_array_equal(found.mask, before.mask & ~acute)
    assert (found.tissues[acute & case.brain] == INFARCT).all()
    assert found.facts["suspected_infarct_cm3"] == before.facts["suspected_infarct_cm3"]


@pytest.mark.parametrize("source", ["user", "tool"])
def test_a_lesion_that_a_reader_drew_is_taken_out_of_a_mask_made_elsewhere(tmp_path, monkeypatch, source):
    flair = Image(np.ones((10, 10, 10), np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))
    mask, lesion = np.zeros((2, *flair.data.shape), bool)
    mask[2:6], lesion[5:8] = True, True  # 300 voxels of WMH mask beside the lesion, 100 within it
    for name, data in (("FLAIR", flair.data), ("wmh", mask), ("lesion", lesion)):
        write_image(data, flair.affine, tmp_path / f"{name}.nii.gz")
    monkeypatch.setattr(session, "run_tool", lambda images, image, settings: mask)
    given = {name: str(tmp_path / f"{name}.nii.gz") for name in ("FLAIR", "lesion", *(["wmh"] * (source == "user")))}
    tool = WmhToolSettings(command="any {FLAIR} {mask}" if source == "tool" else None)
    found, facts = session.mask_from_elsewhere(given, flair, tool)
    assert facts["source"] == source
    assert np.array_equal(found, mask & ~lesion)
    assert facts["reason"] == "0.10 cm3 of the WMH mask lie in the lesion mask: not counted as WMH"
    write_image(lesion & ~mask, flair.affine, tmp_path / "lesion.nii.gz")
    found, facts = session.mask_from_elsewhere(given, flair, tool)
    assert np.array_equal(found, mask)
    assert "reason" not in facts


@pytest.mark.parametrize(
    ("axes", "voxel_mm"), [("RAS", (0.8, 1.1, 4.0)), ("PSR", (1.3, 1.3, 2.0)), ("ILA", (2.0, 5.0, 1.0))]
)
def test_working_slices_are_axial_and_lead_back_to_the_image(axes, voxel_mm):
    case = head(LESIONS, (1.5, 1.5, 1.5), turned=False)
    turned = nib.as_closest_canonical(nib.Nifti1Image(case.flair.data, case.flair.affine))
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(turned.affine), nib.orientations.axcodes2ornt(axes)
    )
    image = turned.as_reoriented(turn)
    zoom = np.array(image.header.get_zooms()) / voxel_mm
    brain, tissues = (
        ndimage.zoom(
            nib.Nifti1Image(array.astype(np.uint8), turned.affine).as_reoriented(turn).get_fdata(), zoom, order=0
        )
        for array in (case.brain, case.tissues)
    )
    affine = image.affine @ np.diag([*(1 / zoom), 1.0])
    flair = Image(ndimage.zoom(np.asarray(image.dataobj), zoom, order=1), affine)
    working = make_working(flair, brain > 0, tissues.astype(np.uint8), 6.0, 5)
    assert working.flair.shape[0] * 1.0 == pytest.approx(2 * RADII_MM[0] + 4, abs=4 * max(voxel_mm))
    assert working.flair.shape[1] * 1.0 == pytest.approx(2 * RADII_MM[1] + 4, abs=4 * max(voxel_mm))
    back = working.back(working.brain.astype(np.float32)) > 0.5
    assert dice(back, brain > 0) > 0.97


@pytest.mark.parametrize(("name", "fluid"), [("T1w", 30.0), ("T2w", 300.0)])
def test_t1w_and_t2w_are_shown_in_units_of_their_contrast(name, fluid):
    case = head(LESIONS)
    level = {BRAIN["ventricles"]: fluid, BRAIN["white"]: 120.0, BRAIN["grey"]: 100.0}
    grey = sum(value * (case.tissues == label) for label, value in level.items()).astype(np.float32)
    image = case.flair.with_data(grey)
    beside = make_working(case.flair, case.brain, case.tissues, 6.0, 5, {name: image}).others
    shown, absent = beside if name == "T1w" else beside[::-1]
    assert not absent.any()
    assert np.median(shown[shown != 0]) == pytest.approx(0, abs=0.25)
    assert (shown.min() if name == "T1w" else shown.max()) == pytest.approx(-1 if name == "T1w" else 1, abs=0.25)


def test_an_image_of_the_other_contrast_is_not_shown():
    case = head(LESIONS)
    assert not make_working(case.flair, case.brain, case.tissues, 6.0, 5, {"T2w": case.flair}).others.any()


def test_what_was_seen_beside_the_flair_is_recorded():
    case = head(LESIONS)
    t1w = case.flair.with_data(np.where(case.tissues == BRAIN["ventricles"], 20.0, 100.0).astype(np.float32))
    assert segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS).facts["images"] == ["FLAIR"]
    found = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS, others={"T1w": t1w})
    assert found.facts["images"] == ["FLAIR", "T1w"]


def test_visits_exchanged_change_only_the_sign():
    first = head(LESIONS, (2.0, 2.0, 2.0), seed=1)
    second = head((*LESIONS, (-20.0, -20.0, 8.0, 5.0)), (2.0, 2.0, 2.0), seed=2)
    visits = [Visit(case.flair, case.brain, case.tissues) for case in (first, second)]
    there = wmh_pair(visits, MODEL, SETTINGS, 0.3).masks
    back = wmh_pair(visits[::-1], MODEL, SETTINGS, 0.3).masks
    voxel_mm3 = first.flair.voxel_volume_mm3
    growth, shrinkage = growth_and_shrinkage_cm3(*there, voxel_mm3)
    assert (shrinkage, growth) == growth_and_shrinkage_cm3(*back, voxel_mm3)
    new_cm3 = 4 / 3 * np.pi * 5.0**3 / 1000
    assert growth == pytest.approx(new_cm3, rel=0.2)  # 65 voxels of 8 mm3: the network marks 77
    assert shrinkage < 0.05 * new_cm3


def test_two_scans_of_one_state_show_no_change_though_noise_differs():
    visits = [
        Visit(c.flair, c.brain, c.tissues) for c in (head(LESIONS, (2.0, 2.0, 2.0), seed=s, noise=7.0) for s in (3, 4))
    ]
    masks = wmh_pair(visits, MODEL, SETTINGS, 0.3).masks
    growth, shrinkage = growth_and_shrinkage_cm3(*masks, 8.0)
    assert growth + shrinkage < 0.05 * masks[0].sum() * 8.0 / 1000


def test_users_masks_of_both_visits_are_compared_as_they_are():
    case = head(LESIONS, (2.0, 2.0, 2.0))
    other = np.roll(case.truth, 1, axis=0)
    visits = [Visit(case.flair, case.brain, case.tissues, mask) for mask in (case.truth, other)]
    masks = wmh_pair(visits, MODEL, SETTINGS, 0.3).masks
    assert (masks[0] == case.truth).all()
    assert (masks[1] == other).all()


def test_a_lesion_drawn_at_one_visit_is_change_of_hyperintensities_at_neither():
    case = head(LESIONS, (2.0, 2.0, 2.0))
    drawn = ndimage.binary_dilation(np.linalg.norm(_points(case.flair) - LESIONS[0][:3], axis=-1) < 7)
    visits = [Visit(case.flair, case.brain, case.tissues), Visit(case.flair, case.brain, case.tissues, None, drawn)]
    masks = wmh_pair(visits, MODEL, SETTINGS, 0.3).masks
    assert not (masks[0] & drawn).any()
    assert (masks[0] == masks[1]).all()
    assert masks[0].any()
    visits = [Visit(case.flair, case.brain, case.tissues, case.truth, mask) for mask in (None, drawn)]
    assert all((mask == (case.truth & ~drawn)).all() for mask in wmh_pair(visits, MODEL, SETTINGS, 0.3).masks)


def test_an_infarct_suspected_at_one_visit_is_hyperintense_at_neither(monkeypatch):
    case = head(LESIONS, (2.0, 2.0, 2.0))
    infarct = case.brain & (np.linalg.norm(_points(case.flair) - LESIONS[0][:3], axis=-1) < 12)
    suspected = iter((infarct, np.zeros_like(infarct)))
    seen = segment_wmh(case.flair, case.brain, case.tissues, MODEL, SETTINGS)

    def segmented(*_: object) -> object:
        there = next(suspected)
        return replace(seen, mask=seen.mask & ~there, tissues=np.where(there, INFARCT, seen.tissues))

    monkeypatch.setattr(half_way, "segment_wmh", segmented)
    found = wmh_pair([Visit(case.flair, case.brain, case.tissues)] * 2, MODEL, SETTINGS, 0.3)
    assert not any((mask & infarct).any() for mask in found.masks)
    assert growth_and_shrinkage_cm3(*found.masks, 8.0) == (0, 0)
    assert found.reason == "suspected infarct, not counted as WMH"


def test_shading_is_removed():
    case = head(shading=0.3, noise=1.0)
    even = correct_bias(case.flair, case.brain, SETTINGS.bias_voxel_mm, SETTINGS.bias_iterations).data
    white = case.brain & (case.priors["wm"] > 0.99)
    assert np.std(even[white]) / np.mean(even[white]) < 0.25 * np.std(case.flair.data[white]) / np.mean(
        case.flair.data[white]
    )


def test_the_mode_ignores_a_tail_of_lesions():
    values = np.random.default_rng(5).normal(100, 5, 20000)
    assert mode_of(np.append(values, np.full(6000, 180.0))) == pytest.approx(100, abs=1.5)


@pytest.mark.parametrize("lesions", [0.3, 0.6])
def test_white_matter_is_the_darker_of_two_modes_even_where_most_of_it_is_hyperintense(lesions):
    rng = np.random.default_rng(6)
    wm = np.concatenate([rng.normal(100, 6, int(20000 * (1 - lesions))), rng.normal(135, 8, int(20000 * lesions))])
    flair = np.concatenate([wm, rng.normal(115, 8, 20000), rng.normal(20, 5, 3000)])
    priors = {name: np.zeros(len(flair)) for name in ("wm", "gm", "ventricles")}
    priors["wm"][: len(wm)], priors["gm"][len(wm) : -3000], priors["ventricles"][-3000:] = 1, 1, 1
    levels = grey_levels(flair, np.ones(len(flair), bool), priors)
    assert levels.wm == pytest.approx(100, abs=2)
    assert levels.wm_sd == pytest.approx(6, rel=0.15)


def test_fluid_within_the_template_white_matter_is_not_its_mode():
    rng = np.random.default_rng(7)
    values = np.append(rng.normal(100, 6, 14000), rng.normal(30, 4, 6000))  # large ventricles, not followed
    assert mode_of(values, fluid=20) == pytest.approx(100, abs=2)
    assert mode_of(values, fluid=-100) == pytest.approx(30, abs=2)


def test_template_ventricles_are_the_lateral_ones():
    priors = {name: template_prior(name) for name in ("wm", "gm", "ventricles", "deep_grey")}
    ventricles = priors["ventricles"]
    points = np.argwhere(ventricles.data > 0.5) @ ventricles.affine[:3, :3].T + ventricles.affine[:3, 3]
    assert 10 < len(points) / 1000 < 25  # cm3 at 1 mm
    assert np.abs(points[:, 0].mean()) < 1  # a symmetric template
    assert points[:, 2].max() < 35
    assert (points[:, 2] > 8).mean() > 0.5
    assert not ((np.abs(points[:, 0]) > 40) | (points[:, 1] < -65)).any()  # neither insula nor quadrigeminal cistern
    for name, prior in priors.items():
        assert 0 <= prior.data.min() <= prior.data.max() <= 1, name


def test_thick_slices_show_the_mean_of_what_they_hold():
    fine = Image(np.zeros((20, 20, 24), np.float32), np.eye(4))
    fine.data[:, :, 10] = 1.0  # a sheet 1 mm thick
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[2, 3] = 1.5  # slices hold planes 0-3, 4-7, 8-11, ...
    (thick,) = onto([fine], Image(np.zeros((20, 20, 6), np.float32), affine))
    np.testing.assert_allclose(thick[10, 10], [0, 0, 0.25, 0, 0, 0], atol=0.05)


def test_distances_are_in_mm_and_a_box_comes_back_to_its_place():
    mask = np.zeros((30, 30, 12), bool)
    mask[10:20, 10:20, 4:8] = True
    voxel_mm = np.array([0.5, 1.0, 4.0])
    assert distance_mm(mask, voxel_mm)[25, 15, 6] == pytest.approx(3.0)
    assert distance_mm(mask, voxel_mm)[15, 15, 10] == pytest.approx(12.0)
    assert depth_mm(np.ones((9, 9, 9), bool), np.ones(3)).min() == np.inf or depth_mm(mask, voxel_mm)[15, 15, 6] > 2
    assert np.isinf(distance_mm(np.zeros_like(mask), voxel_mm)).all()
    box = bounding_box(mask, margin=2)
    image = Image(np.zeros(mask.shape), np.diag([0.5, 1.0, 4.0, 1.0]))
    np.testing.assert_allclose(crop(image, box).affine[:3, 3], [4.0, 8.0, 8.0])


def test_gaps_close_up_to_their_width():
    mask = np.zeros((30, 12, 12), bool)
    mask[5:12], mask[16:22] = True, True  # a gap of 4 voxels
    assert closed(mask, 3.0, np.ones(3))[12:16, 3:9, 3:9].all()
    assert not closed(mask, 1.5, np.ones(3))[12:16].any()
    assert not drop_small(mask, 1e5).any()


def test_open_to_the_edge_is_what_scipys_filled_holes_leave():
    mask = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((40, 30, 20)), 2) > 0
    np.testing.assert_array_equal(open_to_the_edge(~mask, (0, 1, 2)), ~ndimage.binary_fill_holes(mask))
    assert not open_to_the_edge(np.zeros((4, 4, 4), bool), (0, 1, 2)).any()
