"""Masks by another tool: the command is run, its mask taken, and what it was is recorded."""

import hashlib
import sys

import numpy as np
import pytest

from angiolith.core.images import Image, write_image
from angiolith.core.settings.wmh import WmhToolSettings
from angiolith.core.tool import ToolError, run_tool, tool_facts

THRESHOLD = (
    "import sys, nibabel as nib; image = nib.load(sys.argv[1]); cut = int(sys.argv[3]);"
    "nib.save(nib.Nifti1Image((image.get_fdata()[cut:] > 150).astype('uint8'), image.affine), sys.argv[2])"
)


@pytest.fixture
def flair(tmp_path):
    affine = np.diag([0.9, 0.9, 4.0, 1.0])
    affine[:3, 3] = [-10.0, 5.0, 2.0]
    data = np.random.default_rng(2).uniform(0, 200, (12, 14, 6)).astype(np.float32)
    write_image(data, affine, tmp_path / "flair.nii.gz")
    return tmp_path / "flair.nii.gz", Image(data, affine)


def tool(code, more=""):
    return WmhToolSettings(command=f'{sys.executable} -c "{code}" {{FLAIR}} {{mask}} {more}')


def test_a_command_draws_the_mask(flair):
    path, image = flair
    np.testing.assert_array_equal(run_tool({"FLAIR": path}, image, tool(THRESHOLD, "0")), image.data > 150)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (tool("import sys; sys.exit('no GPU here')"), "ended with code 1: no GPU here"),
        (tool("pass"), "does not exist"),
        (tool(THRESHOLD, "1"), "grids differ"),
        (tool("pass", "{T1w}"), "names 'T1w', which this session does not have"),
        (WmhToolSettings(command="/no/such/tool {FLAIR}"), "cannot be started"),
        (WmhToolSettings(command="tool 'not closed"), "quotes or braces .* closing quotation"),
        (WmhToolSettings(command="tool {FLAIR"), "quotes or braces"),
        (WmhToolSettings(command="tool {}"), "quotes or braces"),
        (WmhToolSettings(command="tool {FLAIR.name}"), "quotes or braces"),
        (WmhToolSettings(command=" "), "the command is empty"),
        (
            tool("import sys; sys.stderr.buffer.write(bytes([98, 255, 100])); sys.exit(1)"),
            "ended with code 1: b\N{REPLACEMENT CHARACTER}d",
        ),
    ],
)
def test_what_goes_wrong_is_said(flair, settings, message):
    path, image = flair
    with pytest.raises(ToolError, match=message):
        run_tool({"FLAIR": path}, image, settings)


def test_version_and_weights_are_recorded(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"numbers")
    settings = WmhToolSettings(command="x", version="1.2", weights=str(tmp_path / "weights.pt"))
    expected = hashlib.sha256(b"numbers").hexdigest()
    assert tool_facts(settings) == {"command": "x", "version": "1.2", "weights_sha256": expected}
