"""Is an image what its name says, and can it be measured? Findings a reader should know, and reasons to refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.core.bids.choose import GIVEN, WITHOUT_CONTRAST, contrast_agent, not_magnitude
from angiolith.core.bids.kernels import is_sharp, kernel_text
from angiolith.core.bids.names import entities_of
from angiolith.core.bids.sidecars import merged
from angiolith.core.images import HU_AIR, SHEAR_DEG_MAX, Image, ImageError, read_image, shear_deg
from angiolith.core.series import mean_of, read_series
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons

# [kV] Tube voltage at which the threshold of 130 HU is defined. Source: Agatston 1990.
KVP_OF_130_HU = 120.0
# [mm] An image less high shows a part of the head. Source: anatomy.
COVERED_MM_MIN = 100.0
# [cm3] More tissue than this is no extracted brain. Source: anatomy.
BRAIN_CM3_MAX = 2200.0
# [mm] A JSON that gives thicker slices is wrong. Source: physics.
SLICE_MM_MAX = 20.0
# [1] Fraction of the image's border that holds one exact value where all but a brain was erased. Source: digital heads.
BACKGROUND_FRACTION_MIN = 0.99
# [degrees] Smaller turns of the grid and tilts of the gantry are not stated. Source: layout.
OBLIQUE_DEG_MIN = 0.5
# [%] Of a CT's values, this percentile is air. Source: anatomy.
AIR_PERCENTILE = 2
# [%] ... and this one bone. Source: anatomy.
BONE_PERCENTILE = 99.9
# [HU] Values above this are negative ones stored as unsigned. Source: definition.
UNSIGNED_MIN = 2**16 - 2048
# [HU] Air within this of 0 looks shifted by +1024 HU . Source: definition.
SHIFTED_AIR_HU = 60
# [HU] ... where bone lies above this. Source: definition.
SHIFTED_BONE_HU_MIN = 900
# [mm] Slice thickness and step that differ by less are the same. Source: numerics.
STEP_GAP_MM_MAX = 0.05
# [1] Values below this are those of a CT. Source: physics.
MRI_MIN = -500
MODALITIES = ("CT", "MR", "PT", "NM", "US", "XA", "CR", "DX", "SC", "OT")  # of DICOM: no other text is repeated
SLAB_COLUMNS = ("vwi", "vwi_ce", "angio")


def check_file(
    column: str, path: str, settings: CheckImagesSettings, sidecars: Sequence[str | Path] = ()
) -> dict[str, Any]:
    """Check one file; a file that cannot be read is a row that says why.

    Parameters
    ----------
    column : str
        Column of the manifest.
    path : str
        Path of the image.
    settings : CheckImagesSettings
        Section `check_images`.
    sidecars : Sequence[str | Path]
        JSON files that describe the image, the nearest last (BIDS inheritance).

    Returns
    -------
    dict[str, Any]
        Path, status, reason and findings; of an image that can be read, all that `check_image` returns.
    """
    try:
        image = mean_of(read_series(path)) if column == "dwi" else read_image(path)
    except ImageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        return {"path": path, "status": FAILED, "reason": reason, "findings": []}
    facts, broken = merged(sidecars)
    remarks = [f"review: {name} cannot be read: what it says of the scan is unknown; write it again" for name in broken]
    contrast = entities_of(Path(path).name).get("ce")
    if contrast and column in ("ct", *WITHOUT_CONTRAST):
        remarks.append(f"review: after contrast (ce-{contrast} in its name)")
    return {"path": path, **check_image(column, image, facts, settings, remarks)}


def check_image(
    column: str, image: Image, sidecar: Mapping[str, Any], settings: CheckImagesSettings, remarks: Sequence[str] = ()
) -> dict[str, Any]:
    """Judge one image of the manifest's `column`.

    Returns status (ok, review, failed), reason, findings (list of sentences), shape, voxel_mm, slice_thickness_mm (of
    the JSON, or None), oblique_deg, shear_deg, voxels_sha256, and of a CT `scan_facts`. A failed image is not measured;
    a finding is handled and only noted.

    Parameters
    ----------
    column : str
        Column of the manifest.
    image : Image
        The image as read; HU for a CT, before padding is clamped.
    sidecar : Mapping[str, Any]
        What its BIDS JSON files say together; may be empty.
    settings : CheckImagesSettings
        Section `check_images`.
    remarks : Sequence[str]
        Findings that were made while reading.

    Returns
    -------
    dict[str, Any]
        Status (ok, review, failed), reason, findings, shape, voxel_mm, slice_thickness_mm (of the JSON, or None),
        oblique_deg, shear_deg, voxels_sha256, and for a CT `scan_facts`.
    """
    problems = _modality_problems(column, sidecar) + _geometry_problems(image, settings)
    if what := not_magnitude(column, sidecar):
        problems.append(f"{what} (ImageType of its sidecar) under the name {column}; give the image itself")
    findings = [*remarks, *_geometry_findings(column, image)]
    if float(image.data.max()) == float(image.data.min()):
        problems.append(f"all voxels hold the same value ({float(image.data.max()):g}); export the image again")
    elif column == "ct":
        problems += _ct_problems(image, settings)
        findings += _ct_findings(image, sidecar)
    else:
        problems += _mri_problems(column, image)
        findings += _mri_findings(column, image, sidecar)
    return {
        "status": FAILED if problems else REVIEW if needs_review(findings) else OK,
        "reason": join_reasons(*(problems or findings)) or None,
        "findings": findings,
        "shape": list(image.data.shape),
        "voxel_mm": [round(float(v), 4) for v in image.voxel_mm],
        "slice_thickness_mm": _slice_thickness_mm(sidecar),
        "oblique_deg": round(oblique_deg(image.affine), 2),
        "shear_deg": round(shear_deg(image.affine), 2),
        **(scan_facts(sidecar) if column == "ct" else {}),
        "voxels_sha256": hashlib.sha256(np.ascontiguousarray(image.data.T).data).hexdigest(),
    }


def note_copies(images: Mapping[str, dict[str, Any]]) -> None:
    """Mark images of one session (by column, as `check_image` returned them) that hold the same voxels for review.

    Parameters
    ----------
    images : Mapping[str, dict[str, Any]]
        Column -> what `check_image` returned; changed in place.
    """
    for column, found in images.items():
        same = [name for name in images if name != column and _voxels(images[name]) == _voxels(found) is not None]
        if same and found["status"] != FAILED:
            repeated = f"review: the same voxels as {', '.join(same)}; if that is not meant, export the image again"
            found["findings"].append(repeated)
            found |= {"status": REVIEW, "reason": join_reasons(*found["findings"])}


def _voxels(found: Mapping[str, Any]) -> str | None:
    return found.get("voxels_sha256") if found["status"] != FAILED else None


def oblique_deg(affine: np.ndarray) -> float:
    """Largest angle between a grid axis and the nearest world axis, degrees.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    float
        Angle in degrees.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.clip(np.abs(axes).max(axis=0), -1, 1))).max())


def is_brain_extracted(image: Image) -> bool:
    """True if all but a brain was set to one exact value.

    A whole head fills more (scalp, face, neck) and runs out of the field of view at the neck; a brain does neither.

    Parameters
    ----------
    image : Image
        An MRI.

    Returns
    -------
    bool
        True where the border is background and the rest is no larger than a brain.
    """
    data = image.data
    border = np.concatenate([face.ravel() for axis in range(3) for face in np.moveaxis(data, axis, 0)[[0, -1]]])
    background = np.median(border)
    kept_cm3 = float((data != background).sum()) * image.voxel_volume_mm3 / 1000
    return bool((border == background).mean() > BACKGROUND_FRACTION_MIN and kept_cm3 < BRAIN_CM3_MAX)


def needs_review(findings: Sequence[str]) -> bool:
    """Whether a finding asks for a reader's look.

    Parameters
    ----------
    findings : Sequence[str]
        Sentences; those for a reader begin with `review: `.

    Returns
    -------
    bool
        True where one does.
    """
    return any(finding.startswith("review: ") for finding in findings)


def _modality_problems(column: str, sidecar: Mapping[str, Any]) -> list[str]:
    modality, expected = sidecar.get("Modality"), "CT" if column == "ct" else "MR"
    if column == "angio" or modality == expected or modality not in MODALITIES:
        return []
    return [
        f"the JSON beside it says Modality {modality}, its name says {column}; rename the file, or correct the JSON"
    ]


def _number(value: Any) -> float | None:
    """A number of a sidecar, also where it was written as text; None for anything else."""
    try:
        return float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _slice_thickness_mm(sidecar: Mapping[str, Any]) -> float | None:
    """The thickness that a sidecar gives, if it can be one."""
    thickness = _number(sidecar.get("SliceThickness"))
    return thickness if thickness and 0 < thickness <= SLICE_MM_MAX else None


def _geometry_problems(image: Image, settings: CheckImagesSettings) -> list[str]:
    low, high = float(image.voxel_mm.min()), float(image.voxel_mm.max())
    if low < settings.voxel_mm_min or high > settings.voxel_mm_max:
        return [
            f"voxel edges of {low:g} to {high:g} mm: the unit is not mm, or the header is wrong; "
            "convert it from DICOM again"
        ]
    return []


def _geometry_findings(column: str, image: Image) -> list[str]:
    found = []
    if shear_deg(image.affine) > SHEAR_DEG_MAX:
        found.append(f"the grid is sheared by {shear_deg(image.affine):.1f} deg (gantry tilt): resampled orthogonal")
    elif oblique_deg(image.affine) > OBLIQUE_DEG_MIN:
        found.append(f"oblique by {oblique_deg(image.affine):.1f} deg")
    extent_mm = float(np.abs(image.affine[2, :3] * (np.array(image.data.shape) - 1)).sum())
    if column not in SLAB_COLUMNS and extent_mm < COVERED_MM_MIN:
        found.append(f"review: covers only {extent_mm:.0f} mm from foot to head; volumes are those of the part covered")
    return found


def _ct_problems(image: Image, settings: CheckImagesSettings) -> list[str]:
    air, bone = (float(v) for v in np.percentile(image.data, [AIR_PERCENTILE, BONE_PERCENTILE]))
    problems = []
    if air > settings.ct_air_hu_max:
        problems.append(
            f"no air (2nd percentile {air:.0f} HU): not in Hounsfield units{_why_no_air(image, air, bone)}; "
            "convert it from DICOM again"
        )
    elif bone < settings.ct_bone_hu_min:
        problems.append(
            f"no bone (99.9th percentile {bone:.0f} HU): not a head CT in Hounsfield units, or its scale was lost; "
            "convert it from DICOM again"
        )
    step_mm = float(image.voxel_mm.max())
    if step_mm > settings.ct_slice_step_mm_max:
        problems.append(f"slices are {step_mm:.1f} mm apart; at most {settings.ct_slice_step_mm_max:g} mm can be used")
    return problems


def _why_no_air(image: Image, air: float, bone: float) -> str:
    """What the values of a CT without air look like instead."""
    if float(image.data.max()) > UNSIGNED_MIN:
        return "; negative values were stored as unsigned ones (near 65536)"
    if -SHIFTED_AIR_HU < air < SHIFTED_AIR_HU and bone > SHIFTED_BONE_HU_MIN:
        return "; it looks shifted by +1024 HU (the rescale intercept was lost), or is an MRI"
    return "; it is windowed (a picture of a CT), rescaled, or an MRI" if float(image.data.min()) >= 0 else ""


def _ct_findings(image: Image, sidecar: Mapping[str, Any]) -> list[str]:
    found = []
    lowest = float(image.data.min())
    if lowest < HU_AIR:
        found.append(f"padding of {lowest:.0f} HU clamped to {HU_AIR:.0f} HU")
    scan = scan_facts(sidecar)
    kvp, agent, kernel, tilt = (scan[key] for key in ("kvp", "contrast_agent", "convolution_kernel", "gantry_tilt_deg"))
    thickness = _number(sidecar.get("SliceThickness"))
    if kvp is not None and kvp != KVP_OF_130_HU:
        found.append(f"review: {kvp:g} kVp; the 130 HU threshold is defined at 120 kVp")
    if agent == GIVEN:
        found.append("review: a contrast agent was given (ContrastBolusAgent in its JSON)")
    if scan["sharp_kernel"]:
        found.append(f"review: sharp kernel ({kernel}): noise and bright edges; give a reconstruction with a soft one")
    unknown = {"tube voltage (KVP)": kvp, "contrast agent (ContrastBolusAgent)": agent, "kernel": kernel}
    if lacking := [name for name, value in unknown.items() if value is None]:
        found.append(f"its JSON does not say: {', '.join(lacking)} (130 HU is defined at 120 kVp without contrast)")
    if tilt is not None and abs(tilt) > OBLIQUE_DEG_MIN:
        found.append(f"gantry tilt {tilt:g} deg in the DICOM header")
    step_mm = float(image.voxel_mm[2])
    if thickness is not None and abs(thickness - step_mm) > STEP_GAP_MM_MAX:
        found.append(f"slices {thickness:g} mm thick every {step_mm:.3g} mm: the step is used for volumes")
    return found


def scan_facts(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """How a CT was scanned, by its sidecars; None is unknown.

    kvp: kV; contrast_agent: given or none (never its text); convolution_kernel, and whether it is a sharp one;
    gantry_tilt_deg: of DICOM's GantryDetectorTilt, or of how converters spell it.

    Parameters
    ----------
    sidecar : Mapping[str, Any]
        What the CT's BIDS JSON files say together.

    Returns
    -------
    dict[str, Any]
        kvp (kV), contrast_agent (given or none), convolution_kernel, sharp_kernel and gantry_tilt_deg; None where
        unknown.
    """
    kvp = _number(sidecar.get("KVP"))
    tilts = (_number(sidecar.get(key)) for key in ("GantryDetectorTilt", "GantryTiltDetector", "GantryTilt"))
    return {
        "kvp": kvp if kvp and kvp > 0 else None,
        "contrast_agent": contrast_agent(sidecar),
        "convolution_kernel": kernel_text(sidecar.get("ConvolutionKernel")),
        "sharp_kernel": is_sharp(sidecar.get("ConvolutionKernel")),
        "gantry_tilt_deg": next((tilt for tilt in tilts if tilt is not None), None),
    }


def _mri_problems(column: str, image: Image) -> list[str]:
    if float(image.data.min()) < MRI_MIN:
        return [
            f"values down to {float(image.data.min()):.0f} under the name {column}: looks like a CT; rename the file"
        ]
    return []


def _mri_findings(column: str, image: Image, sidecar: Mapping[str, Any]) -> list[str]:
    found = []
    if contrast_agent(sidecar) == GIVEN and column in WITHOUT_CONTRAST:
        found.append("review: a contrast agent was given (ContrastBolusAgent in its JSON): made before or after it?")
    if column not in SLAB_COLUMNS and is_brain_extracted(image):
        found.append("brain-extracted")
    return found
