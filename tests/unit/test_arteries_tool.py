"""Arteries by another tool: the command is run, its masks taken under the names that known tools give them."""

import sys

import numpy as np
import pytest
import SimpleITK as sitk

from angiolith.arteries.mapping import TOOL, map_arteries
from angiolith.arteries.names import INDEX, parse_name
from angiolith.arteries.session import traced_by_tool
from angiolith.arteries.tool import run_artery_tool
from angiolith.calcification.certainty import CONFIRMED_SD_MM
from angiolith.core.images import Image, write_image
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings, ArteryToolSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings
from angiolith.core.tool import ToolError

DRAWS = """
import os, sys, nibabel as nib, numpy as np
image = nib.load(sys.argv[1]); at = sys.argv[2]; names = sys.argv[3:]
tube = lambda x: np.pad(np.ones((6, 6, image.shape[2]), "uint8"), ((x, image.shape[0] - x - 6), (20, 34), (0, 0)))
save = lambda data, path: nib.save(nib.Nifti1Image(data.astype("uint8"), image.affine), path)
if at.endswith(".nii.gz"):
    save(sum(int(n) * tube(8 + 20 * k) for k, n in enumerate(names)), at)
else:
    os.mkdir(at)
    for k, name in enumerate(names):
        save(tube(8 + 20 * k), f"{at}/{name}.nii.gz")
"""
AFFINE = np.array([[0.5, 0, 0, -15], [0, 0.5, 0, -15], [0, 0, 0.75, -15], [0, 0, 0, 1]])


@pytest.fixture
def ct(tmp_path):
    image = Image(np.full((60, 60, 40), 35, np.float32), AFFINE)
    write_image(image.data, image.affine, tmp_path / "ct.nii.gz")
    (tmp_path / "draws.py").write_text(DRAWS)
    return tmp_path, image


def settings(folder, *names, to="{masks}", **others):
    return ArteryToolSettings(command=f"{sys.executable} {folder}/draws.py {{ct}} {to} {' '.join(names)}", **others)


@pytest.mark.parametrize(
    ("name", "artery"),
    [
        ("internal_carotid_artery_left", ("ICA", "L")),  # TotalSegmentator
        ("internal_carotid_artery_right", ("ICA", "R")),
        ("common_carotid_artery_left", None),
        ("internal_jugular_vein_left", None),
        ("vertebrae_C1", None),
        ("R-PCA", ("PCA", "R")),  # TopCoW
        ("L-Pcom", ("Pcom", "L")),
        ("Acom", ("Acom", "M")),
        ("BA", ("BA", "M")),
        ("3rd-A2", None),
    ],
)
def test_the_label_names_of_known_tools_are_understood(name, artery):
    assert parse_name(name) == artery


def test_a_folder_of_masks_is_one_label_map(ct):
    folder, image = ct
    names = ("internal_carotid_artery_left", "common_carotid_artery_left")
    mask, lookup = run_artery_tool({"ct": folder / "ct.nii.gz"}, settings(folder, *names))
    assert lookup is None
    assert set(np.unique(mask.data)) == {0, INDEX["ICA", "L"]}
    assert mask.data.shape == image.data.shape


def test_topcow_numbers_become_arteries_with_the_stated_uncertainty(ct):
    folder, image = ct
    given = {"ct": str(folder / "ct.nii.gz")}
    traced, told = traced_by_tool(given, None, settings(folder, "6", "1", to="{mask}"))
    assert told is None
    region, threshold = ArteryRegionSettings(), CalciumThresholdSettings()
    found = map_arteries(image, traced, [], ArteryMapSettings(), region, threshold, [told])
    assert found.sources == {("ICA", "L"): TOOL, ("BA", "M"): TOOL}
    assert found.source == TOOL
    assert all((line.sd_mm == 1.0).all() for line in found.lines.values())
    assert ArteryToolSettings().sd_mm > CONFIRMED_SD_MM  # what touches bone counts only where the user says so


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": "/no/such/tool {ct}"}, "artery_tool: /no/such/tool cannot be started"),
        ({"command": f"{sys.executable} -c pass {{angio}}"}, "names 'angio', which this session does not have"),
        ({"command": f"{sys.executable} -c pass"}, "does not exist"),
        ({"image": "angio"}, "works on the angio, which this session does not have"),
    ],
)
def test_a_tool_that_gives_nothing_is_not_used_and_the_reason_says_so(ct, changes, message):
    folder, _ = ct
    tool = settings(folder, "BA").model_copy(update=changes)
    traced, told = traced_by_tool({"ct": str(folder / "ct.nii.gz")}, sitk.Transform(3, sitk.sitkIdentity), tool)
    assert traced is None
    assert message in told


def test_a_folder_that_names_no_artery_is_an_error(ct):
    folder, _ = ct
    with pytest.raises(ToolError, match="no file in the folder of masks names an artery"):
        run_artery_tool({"ct": folder / "ct.nii.gz"}, settings(folder, "larynx_air"))
