"""Which of several images serves a column: entities and sidecars that decide are read, and the others accounted for."""

import json

import pytest

from angiolith.core.bids.kernels import is_sharp
from angiolith.core.manifest import IndexSettings, index_bids, session_notes

STEM = "sub-1/ses-1/anat/sub-1_ses-1_"


def indexed(root, images, asked=None):
    """The row's values and reason by file of a session with these images (name without ending -> sidecar, or None)."""
    for name, sidecar in images.items():
        path = root / f"{STEM}{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if sidecar is not None:
            (root / f"{STEM}{name}.json").write_text(json.dumps(sidecar))
    index = index_bids(root, IndexSettings(images=asked or {}))
    (row,) = index.rows
    reasons = {note.path.removeprefix(STEM).removesuffix(".nii.gz"): note.reason for note in index.files}
    return row, reasons, session_notes(index.files).get(("1", "1"), [])


PLAIN = {"angio": None}


@pytest.mark.parametrize(
    ("column", "images", "chosen"),
    [
        ("swi", {"part-mag_swi": None, "part-phase_swi": None}, "part-mag_swi"),
        ("swi", {"swi": None, "part-mag_swi": None, "part-phase_swi": None}, "swi"),
        (
            "swi",
            {
                "run-1_swi": {"ImageType": ["ORIGINAL", "PRIMARY", "M", "SWI"]},
                "run-2_swi": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]},
            },
            "run-1_swi",
        ),
        ("swi", {"swi": None, "rec-minIP_swi": None}, "swi"),
        (
            "swi",
            {"echo-1_swi": {"EchoTime": 0.007}, "echo-2_swi": {"EchoTime": 0.021}, "echo-3_swi": {"EchoTime": 0.04}},
            "echo-2_swi",
        ),
        ("T2starw", {"echo-1_T2starw": {"EchoTime": 5.0}, "echo-2_T2starw": {"EchoTime": 22.0}}, "echo-2_T2starw"),
        (
            "T2starw",
            {
                "echo-1_part-mag_T2starw": {"EchoTime": 0.005},
                "echo-2_part-mag_T2starw": {"EchoTime": 0.02},
                "echo-2_part-phase_T2starw": {"EchoTime": 0.02},
            },
            "echo-2_part-mag_T2starw",
        ),
        ("T2w", {"echo-1_T2w": None, "echo-2_T2w": None}, "echo-2_T2w"),
        ("T1w", {"echo-1_T1w": {"EchoTime": 0.0017}, "echo-2_T1w": {"EchoTime": 0.0035}}, "echo-1_T1w"),
        ("FLAIR", {"FLAIR": None, "ce-gadolinium_FLAIR": None}, "FLAIR"),
        ("T1w", {"T1w": None, "ce-gd_T1w": None, "run-2_T1w": None}, "T1w"),
        ("FLAIR", {"run-1_FLAIR": None, "run-2_FLAIR": None, "run-10_FLAIR": None}, "run-10_FLAIR"),
        ("FLAIR", {"acq-ax2d_FLAIR": None, "acq-sag3d_FLAIR": None}, "acq-sag3d_FLAIR"),
        (
            "FLAIR",
            {"acq-a_FLAIR": {"MRAcquisitionType": "2D"}, "acq-b_FLAIR": {"MRAcquisitionType": "3D"}},
            "acq-b_FLAIR",
        ),
        ("FLAIR", {"acq-a_FLAIR": {"SliceThickness": 1}, "acq-b_FLAIR": {"SliceThickness": 5}}, "acq-a_FLAIR"),
        ("FLAIR", {"rec-norm_FLAIR": None, "FLAIR": None}, "FLAIR"),
        ("ct", {"acq-bone_ct": {"SliceThickness": 0.6}, "acq-soft_ct": {"SliceThickness": 3}}, "acq-soft_ct"),
        ("ct", {"acq-a_ct": {"ConvolutionKernel": "H60s"}, "acq-b_ct": {"ConvolutionKernel": "H31s"}}, "acq-b_ct"),
        ("ct", {"ct": None, "ce-iodine_ct": None}, "ct"),
        (
            "ct",
            {
                "run-1_ct": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
                "run-2_ct": {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]},
            },
            "run-2_ct",
        ),
        ("vwi", {"vwi": None, "part-phase_vwi": None}, "vwi"),
        (
            "FLAIR",
            {
                "run-1_FLAIR": {"ContrastBolusAgent": "Gadovist"},
                "run-2_FLAIR": {"ContrastBolusAgent": "Gadovist"},
                "run-3_FLAIR": {},
            },
            "run-3_FLAIR",
        ),
    ],
)
def test_the_image_that_fits_is_chosen_and_the_others_are_accounted_for(tmp_path, column, images, chosen):
    row, reasons, notes = indexed(tmp_path, PLAIN | images)
    assert row.values[column] == f"{STEM}{chosen}.nii.gz"
    assert reasons.keys() == {*PLAIN, *images}
    assert all(reasons[name] not in ("", "n/a") for name in images if name != chosen)
    assert not any(note.startswith("review") for note in notes)


@pytest.mark.parametrize(
    ("column", "images", "why"),
    [
        ("swi", {"part-phase_swi": None}, "a phase image (part-phase): only magnitude is measured"),
        ("swi", {"swi": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}}, "a phase image (ImageType of its sidecar)"),
        ("swi", {"swi": {"ImageType": "ORIGINAL\\PRIMARY\\PHASE MAP"}}, "a phase image (ImageType"),
        ("swi", {"part-real_swi": None, "part-imag_swi": None}, "the real part"),
        ("swi", {"rec-minip_swi": None}, "minimum-intensity projection"),
        ("T2starw", {"T2starw": {"ImageType": ["DERIVED", "PRIMARY", "MNIP"]}}, "minimum-intensity projection"),
        ("FLAIR", {"ce-gadolinium_FLAIR": None}, "after contrast (ce-gadolinium): not used as a plain FLAIR"),
        ("T2w", {"ce-gd_T2w": None}, "after contrast (ce-gd)"),
        ("FLAIR", {"acq-a_FLAIR": None, "acq-b_FLAIR": None}, "name it under images: {FLAIR: {acq: a}}"),
        ("T2starw", {"echo-1_T2starw": None, "echo-2_T2starw": None}, "name it under images: {T2starw: {echo: 1}}"),
        ("FLAIR", {"inv-1_FLAIR": None}, "one inversion (inv-1)"),
        ("FLAIR", {"dir-AP_FLAIR": None, "dir-PA_FLAIR": None}, "images: {FLAIR: {dir: AP}}"),
    ],
)
def test_what_does_not_fit_is_not_used_and_the_session_says_why(tmp_path, column, images, why):
    row, reasons, notes = indexed(tmp_path, PLAIN | images)
    assert column not in row.values
    assert all(name in reasons for name in images)
    assert any(note.startswith(f"review: no {column}: ") and why in note for note in notes), notes


@pytest.mark.parametrize(
    ("column", "images", "asked", "chosen"),
    [
        ("FLAIR", {"ce-gadolinium_FLAIR": None}, {"ce": "gadolinium"}, "ce-gadolinium_FLAIR"),
        ("T2starw", {"echo-1_T2starw": None, "echo-2_T2starw": None}, {"echo": "02"}, "echo-2_T2starw"),
        ("FLAIR", {"run-1_FLAIR": None, "run-2_FLAIR": None}, {"run": "1"}, "run-1_FLAIR"),
        ("T1w", {"T1w": None, "acq-x_T1w": None}, {"acq": "X"}, "acq-x_T1w"),
        ("FLAIR", {"acq-a_FLAIR": None, "FLAIR": None}, {"acq": "none"}, "FLAIR"),
        ("FLAIR", {"FLAIR": None}, {"acq": "3d"}, None),
        ("swi", {"part-phase_echo-2_swi": None}, {"echo": "2"}, None),
    ],
)
def test_the_configuration_can_name_another_but_never_a_phase_image(tmp_path, column, images, asked, chosen):
    row, _, notes = indexed(tmp_path, {"T2w": None} | images, {column: asked})
    assert row.values.get(column) == (f"{STEM}{chosen}.nii.gz" if chosen else None)
    assert chosen or any(note.startswith(f"review: no {column}") for note in notes)


def test_a_sidecar_higher_up_says_what_an_image_is(tmp_path):
    (tmp_path / "swi.json").write_text('{"ImageType": ["ORIGINAL", "PRIMARY", "P"]}')
    row, _, _ = indexed(tmp_path, PLAIN | {"swi": None})
    assert "swi" not in row.values
    row, _, _ = indexed(tmp_path, {"swi": {"ImageType": ["ORIGINAL", "PRIMARY", "M"]}})
    assert "swi" in row.values


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [
        *(
            (name, False)
            for name in ("H31s", "B30f", "J30s", "Hr40f", "STANDARD", "SOFT", "FC21", "FC08-H", "UB", "Qr36d")
        ),
        *((name, True) for name in ("H60s", "B70s", "Hr64h", "BONE", "BONEPLUS", "LUNG", "FC30", "FC81", "YB", "D")),
        (["Hr40f", "3"], False),
        *((name, None) for name in ("", None, "XYZ", "thin")),
    ],
)
def test_sharp_kernels_are_told_by_the_vendors_names(kernel, sharp):
    assert is_sharp(kernel) is sharp
