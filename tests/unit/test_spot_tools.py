"""Microbleeds, lacunes and perivascular spaces by tools of the user's: their masks as spots, measured and placed."""

import sys

import numpy as np
import pytest
import SimpleITK as sitk

from angiolith.brain.segment import TISSUES
from angiolith.core.config import Config
from angiolith.core.images import rigid_transform, write_image, write_transform
from angiolith.core.settings.lacunes import LacuneDetectSettings, LacuneToolSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings, MicrobleedToolSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings, PvsToolSettings
from angiolith.core.settings.tool import ToolSettings
from angiolith.core.tables import write_json
from angiolith.small_vessel.lacunes.session import lacunes_of
from angiolith.small_vessel.microbleeds.session import microbleeds_of
from angiolith.small_vessel.perivascular.session import pvs_of

AFFINE = np.array([[-1.0, 0, 0, 30], [0, 1.0, 0, -35], [0, 0, 2.0, -30], [0, 0, 0, 1.0]])
SHAPE = (60, 70, 32)
SPOTS = {"first": ((20, 30, 10), (3, 3, 2)), "second": ((40, 40, 20), (2, 2, 1))}  # corner, voxels
DRAW = (
    "import sys, nibabel as nib; image = nib.load(sys.argv[1]);"
    "nib.save(nib.Nifti1Image((image.get_fdata() > 500).astype('uint8'), image.affine), sys.argv[2])"
)


def command(image):
    return f'{sys.executable} -c "{DRAW}" {{{image}}} {{mask}}'


@pytest.fixture
def session(tmp_path):
    """FLAIR, T1w and SWI on one grid with two bright boxes; a CT with calcium at the second."""
    data = np.full(SHAPE, 100, np.float32)
    for corner, size in SPOTS.values():
        data[tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))] = 1000
    for name in ("FLAIR", "T1w", "swi"):
        write_image(data, AFFINE, tmp_path / f"{name}.nii.gz")
    ct = np.full(SHAPE, 30, np.float32)
    ct[38:44, 38:44, 18:23] = 400
    write_image(ct, AFFINE, tmp_path / "ct.nii.gz")
    write_transform(sitk.Euler3DTransform(), tmp_path / "ct.tfm")
    write_json({"images": {}}, tmp_path / "checks.json")
    return {name: tmp_path / f"{name}.nii.gz" for name in ("FLAIR", "T1w", "swi")} | {
        "checks": tmp_path / "checks.json"
    }


def middle_of(name):
    corner, size = (np.array(each) for each in SPOTS[name])
    return AFFINE[:3, :3] @ (corner + (size - 1) / 2) + AFFINE[:3, 3]


def test_the_tools_of_all_spots_have_the_keys_of_every_tool():
    tools = {name: getattr(Config(), name) for name in Config.model_fields if name.endswith("_tool")}
    assert {"wmh_tool", "artery_tool", "brain_tool", "cmb_tool", "lacune_tool", "pvs_tool"} == set(tools)
    for name, settings in tools.items():
        assert isinstance(settings, ToolSettings)
        assert name == settings.KEY
        assert set(ToolSettings.model_fields) <= set(type(settings).model_fields)


def test_microbleeds_are_the_connected_spots_of_the_tools_mask(session):
    found = microbleeds_of(
        session, MicrobleedDetectSettings(), MicrobleedToolSettings(command=command("image"), version="2")
    )
    assert found.table["volume_mm3"].tolist() == [36.0, 8.0]
    assert found.table["kind"].tolist() == ["microbleed", "microbleed"]
    for row, name in zip(found.table.itertuples(), SPOTS, strict=True):
        assert (row.x_mm, row.y_mm, row.z_mm) == pytest.approx(tuple(middle_of(name)))
        assert row.diameter_mm == pytest.approx((6 * row.volume_mm3 / np.pi) ** (1 / 3))
    assert np.unique(found.labels.data).tolist() == [0, 1, 2]
    assert found.facts["n_microbleeds"] == 2
    assert found.facts["source"] == "tool"
    assert found.facts["tool"]["version"] == "2"


def test_a_tools_spot_that_is_calcium_on_the_ct_is_no_microbleed(session, tmp_path):
    given = session | {"ct": tmp_path / "ct.nii.gz", "ct_to_reference": tmp_path / "ct.tfm"}
    found = microbleeds_of(given, MicrobleedDetectSettings(), MicrobleedToolSettings(command=command("image")))
    assert found.table["kind"].tolist() == ["microbleed", "calcification"]
    assert (found.facts["n_microbleeds"], found.facts["n_calcifications"]) == (1, 1)


def test_a_tools_lacunes_lie_on_the_flair_and_their_points_in_the_references_space(session, tmp_path):
    shift = np.eye(4)
    shift[:3, 3] = (4, -3, 2)
    write_transform(rigid_transform(shift, np.zeros(3)), tmp_path / "flair.tfm")  # resamples the FLAIR onto the T1w
    given = session | {"FLAIR_to_reference": tmp_path / "flair.tfm"}
    found = lacunes_of(given, LacuneDetectSettings(), LacuneToolSettings(command=command("FLAIR")))
    assert found.facts["n_lacunes"] == 2
    assert found.table["certainty"].tolist() == ["sure", "sure"]
    points = found.table[["x_mm", "y_mm", "z_mm"]].to_numpy()
    np.testing.assert_allclose(points[0], middle_of("first") - shift[:3, 3], atol=1e-6)
    assert found.labels.data[21, 31, 10] == 1


def test_a_tools_perivascular_spaces_are_counted_in_their_regions_alone(session, tmp_path):
    tissues = np.full(SHAPE, TISSUES["white"], np.uint8)
    tissues[28:32, 20:50, 4:14] = TISSUES["ventricles"]
    tissues[18:28, 25:45, 4:13] = TISSUES["deep_grey"]
    tissues[:6] = TISSUES["grey"]
    write_image(tissues, AFFINE, tmp_path / "tissues.nii.gz")
    given = session | {"brain_tissues": tmp_path / "tissues.nii.gz"}
    settings = (PvsDetectSettings(), PvsGradeSettings(), LacuneDetectSettings())
    found = pvs_of(given, *settings, PvsToolSettings(command=command("image")))
    assert found.table["region"].tolist() == ["basal_ganglia", "centrum_semiovale"]
    assert found.table["side"].tolist() == ["R", "L"]
    assert (found.facts["n_pvs_basal_ganglia"], found.facts["pvs_centrum_semiovale_grade"]) == (1, 1)
    without = pvs_of(given, *settings, PvsToolSettings(command=command("image"), image="T2w"))
    assert without.facts["reason"] == "no T2w"


@pytest.mark.parametrize("of", ["microbleeds", "lacunes"])
def test_a_tool_that_fails_leaves_no_count_and_its_message(session, of):
    failing = f"{sys.executable} -c \"import sys; sys.exit('no GPU here')\""
    if of == "microbleeds":
        found = microbleeds_of(session, MicrobleedDetectSettings(), MicrobleedToolSettings(command=failing))
    else:
        found = lacunes_of(session, LacuneDetectSettings(), LacuneToolSettings(command=failing))
    assert found.labels is None
    assert found.facts[f"n_{of}"] is None
    assert found.facts["status"] == "failed"
    assert "_tool: the command ended with code 1: no GPU here" in found.facts["reason"]
