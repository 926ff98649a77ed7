"""Where spots lie, on a drawn brain; atrophy from volumes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from angiolith.brain.segment import TISSUES
from angiolith.core.images import Image, linear_transform, read_image, write_image
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.tables import write_tsv
from angiolith.small_vessel.atrophy.fractions import atrophy, atrophy_row
from angiolith.small_vessel.location.lobes import REGIONS, TERRITORIES, wmh_by_region
from angiolith.small_vessel.location.places import counts, place_of
from angiolith.small_vessel.location.session import places_row, wmh_regions_row

RESOURCES = Path(__file__).parents[2] / "resources"
LOBES, ARTERIES = RESOURCES / "lobe_atlas/lobes.nii.gz", RESOURCES / "territory_atlas/territories.nii.gz"
AFFINE = np.array([[-0.9, 0.1, 0, 60], [0.1, 0.9, 0, -70], [0, 0, 1.5, -50], [0, 0, 0, 1.0]])


@pytest.fixture(scope="module")
def brain():
    """Boxes in mm: white matter with a ventricle and deep grey in it, cortex on top, brainstem below."""
    shape = (120, 140, 70)
    x, y, z = np.moveaxis(np.moveaxis(np.indices(shape), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3], -1, 0)
    data = np.zeros(shape, np.uint8)
    inside = (abs(x) < 45) & (abs(y) < 50) & (z > -20) & (z < 45)
    data[inside] = TISSUES["white"]
    data[inside & (z > 40)] = TISSUES["grey"]
    data[(abs(x) < 6) & (abs(y) < 30) & (z > 0) & (z < 15)] = TISSUES["ventricles"]
    data[(abs(x) > 20) & (abs(x) < 30) & (abs(y) < 15) & (z > -5) & (z < 10)] = TISSUES["deep_grey"]
    data[(abs(x) < 12) & (abs(y) < 12) & (z < -20) & (z > -45)] = TISSUES["infratentorial"]
    return Image(data, AFFINE)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((0, 0, -35), ("infratentorial", "infratentorial")),
        ((25, 0, 2), ("deep", "deep_grey")),
        ((32, 0, 2), ("deep", "deep_grey")),  # capsule: 2 mm from the deep grey matter
        ((12, 0, 8), ("deep", "white_matter")),  # 6 mm from the ventricle
        ((40, 0, 30), ("lobar", "white_matter")),
        ((0, 0, 43), ("lobar", "white_matter")),
        ((0, 0, 300), ("", "")),
    ],
)
def test_a_spots_place_follows_from_the_tissues_around_it(brain, point, expected):
    assert place_of(np.array(point, float), brain, PlaceSettings()) == expected


def test_only_counted_spots_are_placed_and_a_missing_count_has_no_places(brain, tmp_path):
    write_image(brain.data, brain.affine, tmp_path / "tissues.nii.gz")
    table = pd.DataFrame(
        {
            "microbleed": [1, 2, 3],
            "kind": ["microbleed", "microbleed", "calcification"],
            "counted": [True, False, False],
            "x_mm": [0.0, 40.0, 25.0],
            "y_mm": [0.0, 0.0, 0.0],
            "z_mm": [-35.0, 30.0, 2.0],
        }
    )
    write_tsv(table, tmp_path / "microbleeds.tsv")
    (tmp_path / "facts.json").write_text(json.dumps({"image": "swi", "n_microbleeds": 1}))
    given = {"brain_tissues": tmp_path / "tissues.nii.gz", "microbleed_facts": tmp_path / "facts.json"}
    given |= {"microbleed_table": tmp_path / "microbleeds.tsv"}
    row = places_row(given, PlaceSettings())
    places = [row[f"n_microbleeds_{name}"] for name in ("lobar", "deep", "infratentorial")]
    assert places == [0, 0, 1]
    assert row["n_lacunes_deep_grey"] is None
    (tmp_path / "facts.json").write_text(json.dumps({"image": "swi", "n_microbleeds": None}))
    assert places_row(given, PlaceSettings())["n_microbleeds_lobar"] is None


def test_a_spot_that_a_reader_kept_is_placed_whatever_the_image_took_it_for(brain, tmp_path):
    write_image(brain.data, brain.affine, tmp_path / "tissues.nii.gz")
    table = pd.DataFrame({"microbleed": [1, 2], "kind": ["microbleed", "calcification"], "counted": [True, True]})
    write_tsv(table.assign(x_mm=[0.0, 25.0], y_mm=0.0, z_mm=[-35.0, 2.0]), tmp_path / "microbleeds.tsv")
    (tmp_path / "facts.json").write_text(json.dumps({"image": "swi", "n_microbleeds": 2}))
    given = {"brain_tissues": tmp_path / "tissues.nii.gz", "microbleed_facts": tmp_path / "facts.json"}
    row = places_row(given | {"microbleed_table": tmp_path / "microbleeds.tsv"}, PlaceSettings())
    assert [row[f"n_microbleeds_{name}"] for name in ("lobar", "deep", "infratentorial")] == [0, 1, 1]


def test_places_and_sites_add_up(brain):
    points = [np.array(point, float) for point in ((0, 0, -35), (25, 0, 2), (40, 0, 30), (0, 0, 300))]
    places, sites = counts(points, brain, PlaceSettings())
    assert places == {"lobar": 1, "deep": 1, "infratentorial": 1}
    assert sites == {"deep_grey": 1, "white_matter": 1, "infratentorial": 1}


def test_atrophy_is_missing_where_the_brain_is_cut_or_failed():
    volumes = {"brain": 1400.0, "grey": 500.0, "white": 450.0, "csf": 200.0, "ventricles": 70.0}
    volumes |= {"deep_grey": 40.0, "infratentorial": 140.0}
    whole = atrophy({"status": "ok", "complete": True, "volumes_cm3": volumes})
    assert whole["brain_volume_cm3"] == 1130.0
    assert whole["ventricle_percent_icv"] == pytest.approx(5.0)
    parts = [whole[f"{name}_percent_icv"] for name in ("brain", "ventricle", "sulcal_csf")]
    assert sum(parts) == pytest.approx(100.0, abs=0.02)
    for facts in ({}, {"status": "failed", "complete": True, "volumes_cm3": volumes}):
        assert set(atrophy(facts).values()) == {None}
    assert set(atrophy({"status": "ok", "complete": False, "volumes_cm3": volumes}).values()) == {None}


def test_a_lesion_that_a_reader_drew_is_neither_tissue_nor_fluid(tmp_path):
    affine = np.diag([10.0, 10.0, 10.0, 1.0])  # voxels of 1 cm3
    tissues, lesion = np.ones((10, 10, 10), np.uint8), np.zeros((10, 10, 10), np.uint8)
    tissues[5:8], tissues[8:] = TISSUES["csf"], TISSUES["ventricles"]
    lesion[4:6, :5] = 1  # 50 cm3 of grey matter and 50 cm3 of fluid
    names = {"grey": 500.0, "csf": 300.0, "ventricles": 200.0, "white": 0.0, "deep_grey": 0.0, "infratentorial": 0.0}
    (tmp_path / "brain.json").write_text(
        json.dumps({"status": "ok", "complete": True, "volumes_cm3": names | {"brain": 1000.0}})
    )
    (tmp_path / "checks.json").write_text(json.dumps({"images": {"FLAIR": {"status": "ok"}}}))
    for name, data in (("tissues", tissues), ("FLAIR", tissues.astype(np.float32)), ("lesion", lesion)):
        write_image(data, affine, tmp_path / f"{name}.nii.gz")
    files = {"brain_facts": "brain.json", "brain_tissues": "tissues.nii.gz", "checks": "checks.json"}
    files |= {"FLAIR": "FLAIR.nii.gz", "lesion": "lesion.nii.gz"}
    given = {name: str(tmp_path / file) for name, file in files.items()}
    found = atrophy_row(given)
    assert found["brain_percent_icv"] == 45.0
    assert found["sulcal_csf_percent_icv"] == 25.0
    assert found["ventricle_volume_cm3"] == 200.0
    write_image(lesion[:5], affine, tmp_path / "lesion.nii.gz")  # not on the FLAIR's grid
    assert set(atrophy_row(given).values()) == {None}
    assert atrophy_row({name: path for name, path in given.items() if name != "lesion"})["brain_percent_icv"] == 50.0


def test_wmh_are_told_by_region_through_the_mapping_and_add_up():
    """An atlas of two halves, frontal in front of y = 0: a mask on an oblique grid, moved by the transform."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-60, -80, -40)
    y = np.indices((60, 80, 40))[1] * 2.0 - 80
    atlas = Image(np.where(y >= 0, REGIONS["frontal"], REGIONS["occipital"]).astype(np.uint8), affine)
    shape = (60, 70, 40)
    points = np.moveaxis(np.indices(shape), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    mask = Image((abs(points[..., 0]) < 10) & (abs(points[..., 1] + 20) < 10) & (abs(points[..., 2] + 20) < 8), AFFINE)
    whole_cm3 = mask.data.sum() * mask.voxel_volume_mm3 / 1000
    forward = linear_transform(np.array([[1.0, 0, 0, 0], [0, 1, 0, 20], [0, 0, 1, 0], [0, 0, 0, 1]]))
    here = wmh_by_region(mask, atlas, linear_transform(np.eye(4)))
    assert here["wmh_occipital_cm3"] == pytest.approx(whole_cm3)
    found = wmh_by_region(mask, atlas, forward)  # 20 mm forward: its middle lies on the border
    assert sum(found.values()) == pytest.approx(whole_cm3)
    assert found["wmh_frontal_cm3"] == pytest.approx(whole_cm3 / 2, rel=0.12)
    assert found["wmh_parietal_cm3"] == 0


def test_wmh_by_region_are_missing_without_a_mask_or_a_way_to_the_template(tmp_path):
    empty = tmp_path / "mask.nii.gz"
    empty.touch()
    assert set(wmh_regions_row({}).values()) == {None}
    assert set(wmh_regions_row({"mask": empty, "from_template": empty}).values()) == {None}


@pytest.mark.parametrize(
    ("path", "regions", "by_point"),
    [
        (
            LOBES,
            REGIONS,
            {
                "frontal": (28, 36, 20),
                "parietal": (30, -48, 40),
                "temporal": (48, -20, -18),
                "occipital": (22, -84, 4),
                "deep_structures": (10, -18, 8),  # thalamus
                "infratentorial": (0, -28, -32),  # pons
            },
        ),
        (
            ARTERIES,
            TERRITORIES,
            {
                "aca": (6, 52, 24),  # medial frontal gyrus
                "mca": (52, -8, 28),  # precentral gyrus, lateral
                "pca": (8, -84, 6),  # calcarine cortex
                "perforators": (26, 2, 2),  # putamen
                "infratentorial": (0, -28, -32),
            },
        ),
    ],
    ids=["lobes", "territories"],
)
def test_the_shipped_atlases_lie_in_mni152_and_are_nearly_symmetric(path, regions, by_point):
    atlas = read_image(path)
    assert set(np.unique(atlas.data)) == {0, *regions.values()}
    for region, (x, y, z) in by_point.items():
        for side in (-1, 1):
            voxel = np.linalg.inv(atlas.affine) @ [side * x, y, z, 1.0]
            assert atlas.data[tuple(np.round(voxel[:3]).astype(int))] == regions[region], (region, side)
    volumes = []
    for half in (-1, 1):
        x = np.indices(atlas.data.shape)[0] * atlas.affine[0, 0] + atlas.affine[0, 3]
        volumes.append([(atlas.data[x * half > 0] == value).sum() for value in regions.values()])
    np.testing.assert_allclose(volumes[0], volumes[1], rtol=0.12)


def test_both_atlases_call_the_same_voxels_infratentorial():
    lobes, arteries = read_image(LOBES), read_image(ARTERIES)
    np.testing.assert_allclose(lobes.affine, arteries.affine)
    np.testing.assert_array_equal(lobes.data > 0, arteries.data > 0)
    np.testing.assert_array_equal(
        lobes.data == REGIONS["infratentorial"], arteries.data == TERRITORIES["infratentorial"]
    )
