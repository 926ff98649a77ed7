"""One volume's DICOM files to NIfTI and sidecar: decoded by dcm2niix, placed by DICOM's positions, compared, written.

dcm2niix decodes the pixels (compressed ones, enhanced files, vendors' scaling). The image's place is then taken from
the slices' own positions, uneven steps are interpolated onto an even grid, and the result is compared with the DICOM
files (`compare`); where they disagree, nothing is written. Last, a gantry tilt is resampled out.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from angiolith.core.bids.choose import GIVEN, NO_CONTRAST
from angiolith.core.bids.kernels import kernel_text
from angiolith.core.images import HU_AIR, Image, remove_shear
from angiolith.core.nifti import packed
from angiolith.core.tables import atomic_path, read_json, write_json
from angiolith.dicom.classify import agent_of
from angiolith.dicom.compare import Match, compare, pixel_affine
from angiolith.dicom.geometry import Fault, normal_of
from angiolith.dicom.people import without_names
from angiolith.dicom.series import Volume
from angiolith.dicom.words import says_contrast

CORRELATION_MIN = 0.9999  # of an image on its own grid with its files; measured: 0.99999999 on 13 real series
CORRELATION_MIN_RESAMPLED = 0.99  # after interpolation; measured: 0.9993 on a real head with tilt and uneven steps
DIFFERENCE_MAX = 0.01  # CT: median difference as a fraction of the spread, of rounding to whole HU
AXIS_COSINE_MIN = 0.9  # of an axis of the converted image with the DICOM axis that it must be
STEP_FRACTION_MIN = 0.25  # of the usual step: uneven slices are not interpolated onto finer ones
TAKEN_OVER = (
    *("Modality", "Manufacturer", "ManufacturersModelName", "PatientPosition", "MagneticFieldStrength"),
    *("MRAcquisitionType", "ScanningSequence", "SequenceVariant", "ScanOptions", "ImageType"),
    *("SliceThickness", "SpacingBetweenSlices", "EchoTime", "EchoNumber", "RepetitionTime", "InversionTime"),
    *("FlipAngle", "EchoTrainLength", "PixelBandwidth", "PhaseEncodingDirection", "EffectiveEchoSpacing"),
    *("TotalReadoutTime", "ParallelReductionFactorInPlane", "KVP", "XRayTubeCurrent", "XRayExposure"),
    *("GantryDetectorTilt", "ConversionSoftware", "ConversionSoftwareVersion"),
)  # keys of dcm2niix's sidecar that hold numbers or codes; its free texts stay out
SECONDS = {"EchoTime": "EchoTime", "RepetitionTime": "RepetitionTime", "InversionTime": "InversionTime"}
PLAIN = ("KVP", "FlipAngle", "MagneticFieldStrength", "SliceThickness", "SpacingBetweenSlices")


class ConversionProblem(ValueError):
    """A volume could not be converted, or the image does not agree with its files; the message says why."""


@dataclass(frozen=True)
class Converted:
    """A NIfTI file's bytes (unpacked), its sidecar, b-values and directions (DWI alone), and what was done to it."""

    nifti: bytes
    sidecar: dict[str, Any]
    texts: Mapping[str, str]
    match: Match
    note: str


def convert(volume: Volume, scan_date: str | None) -> Converted:
    """Convert one volume.

    Parameters
    ----------
    volume : Volume
        The volume.
    scan_date : str | None
        Day of the scan as it may be written, or None.

    Returns
    -------
    Converted
        Image and sidecars.

    Raises
    ------
    ConversionProblem
        Where the image would not be right.
    """
    if volume.geometry.n_places < 2:
        raise ConversionProblem("a single slice: no volume")
    with tempfile.TemporaryDirectory(prefix="angiolith-dicom-") as scratch:
        made, log = _dcm2niix(volume, Path(scratch))
        if not made:
            raise ConversionProblem(f"dcm2niix makes no image of it{_why(log)} ({syntax_of(volume)})")
        best: Converted | None = None
        problems = []
        for path in made:
            try:
                one = _placed(path, volume, Path(scratch))
            except ConversionProblem as problem:
                problems.append(str(problem))
                continue
            except (RuntimeError, ValueError, OSError) as problem:  # of GDCM or nibabel: this series alone is lost
                problems.append(f"its pixels cannot be read ({type(problem).__name__}, {syntax_of(volume)})")
                continue
            if best is None or one.match.correlation > best.match.correlation:
                best = one
    if best is None:
        raise ConversionProblem("; ".join(dict.fromkeys(problems)))
    return replace(best, sidecar=sidecar_of(volume, best.sidecar, scan_date))


def write_converted(one: Converted, stem: Path) -> None:
    """Write image and sidecars, each whole or not at all; the image last, so that it never stands without them.

    Parameters
    ----------
    one : Converted
        Image and sidecars.
    stem : Path
        Path of the files without their endings.
    """
    write_json(one.sidecar, Path(f"{stem}.json"))
    for ending, text in one.texts.items():
        with atomic_path(Path(f"{stem}{ending}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with atomic_path(Path(f"{stem}.nii.gz")) as temporary:
        temporary.write_bytes(packed(one.nifti))


def syntax_of(volume: Volume) -> str:
    """The name of the files' transfer syntax.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        The name.
    """
    from pydicom.uid import UID

    return UID(volume.first.syntax).name if volume.first.syntax else "no transfer syntax"


def _program() -> str:
    beside = Path(sys.executable).with_name("dcm2niix")
    found = str(beside) if beside.exists() else shutil.which("dcm2niix")
    if not found:
        raise ConversionProblem("dcm2niix is not installed: it is a part of the environment (angiolith doctor)")
    return found


def _dcm2niix(volume: Volume, scratch: Path) -> tuple[list[Path], str]:
    """The images that dcm2niix makes of exactly these files, without its own corrections; and what it says."""
    source, target = scratch / "in", scratch / "out"
    source.mkdir()
    target.mkdir()
    for number, header in enumerate(volume.headers):
        os.symlink(os.path.abspath(header.path), source / f"{number:06d}.dcm")
    command = [_program(), "-z", "n", "-b", "y", "-ba", "y", "-f", "image", "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    corrected = re.compile(r"_(Tilt|Eq)(_|\.|\d)")
    return [path for path in sorted(target.glob("*.nii")) if not corrected.search(path.name)], done.stdout + done.stderr


def _why(log: str) -> str:
    """What dcm2niix says of the failure, without the paths in it."""
    for line in log.splitlines():
        if re.search(r"error|unsupported|unable to decode|not a dicom", line, re.IGNORECASE):
            return ": " + re.sub(r"\S*/\S+", "(file)", line).strip()[:120]
    return ""


def _placed(path: Path, volume: Volume, scratch: Path) -> Converted:
    """One image of dcm2niix, placed by the files' positions and compared with them."""
    content = path.read_bytes()
    header: Any = nib.Nifti1Header.from_fileobj(io.BytesIO(content), check=False)
    shape = header.get_data_shape()
    geometry = volume.geometry
    if len(shape) < 3 or sorted(shape[:3]) != sorted(_expected(volume)):
        sizes = " x ".join(map(str, shape)), " x ".join(map(str, _expected(volume)))
        raise ConversionProblem(f"the converted image has {sizes[0]} voxels, the files {sizes[1]}")
    affine = _exact_affine(header.get_best_affine(), shape[:3], volume)
    note = []
    if Fault.UNEVEN in geometry.faults:
        image = _even(_values(path, volume), affine, volume)
        content, header, affine = *_new_file(image, header), image.affine
        note.append(f"uneven slice steps: interpolated onto {image.voxel_mm[2]:.2f} mm")
    match = _checked(_with_header(content, header, affine), volume, scratch, Fault.UNEVEN in geometry.faults)
    if Fault.TILT in geometry.faults:
        is_ct = volume.text("Modality") == "CT"
        image = image if note else Image(_values(path, volume), affine)
        straight = remove_shear(image, fill=float(HU_AIR) if is_ct else 0.0)
        content, header, affine = *_new_file(straight, header), straight.affine
        note.append(f"gantry tilt of {geometry.tilt_deg:.1f} deg resampled out")
    facts = path.with_suffix(".json")
    texts = {end: path.with_suffix(end).read_text() for end in (".bval", ".bvec") if path.with_suffix(end).is_file()}
    made = _with_header(content, header, affine)
    return Converted(made, read_json(facts) if facts.is_file() else {}, texts, match, "; ".join(note))


def _values(path: Path, volume: Volume) -> np.ndarray:
    """The voxels as float32, a CT's padding as air."""
    file: Any = nib.load(path)
    data = np.asarray(file.dataobj, dtype=np.float32)
    return np.maximum(data, np.float32(HU_AIR)) if volume.text("Modality") == "CT" else data


def _checked(content: bytes, volume: Volume, scratch: Path, resampled: bool) -> Match:
    """How an image agrees with its files. Raises ConversionProblem where it does not."""
    path = scratch / "checked.nii"
    path.write_bytes(content)
    match = compare(path, volume)
    least = CORRELATION_MIN_RESAMPLED if resampled else CORRELATION_MIN
    scaled = volume.text("Modality") != "CT" or match.difference <= DIFFERENCE_MAX
    if match.correlation < least or match.inside < 1 or not scaled:
        raise ConversionProblem(
            f"the converted image does not agree with its files: correlation {match.correlation:.4f}, "
            f"{match.inside:.0%} of the places inside, {syntax_of(volume)}"
        )
    return match


def _expected(volume: Volume) -> tuple[int, int, int]:
    return int(volume.number("Columns") or 0), int(volume.number("Rows") or 0), volume.geometry.n_places


def _exact_affine(given: np.ndarray, shape: tuple[int, ...], volume: Volume) -> np.ndarray:
    """The affine by the slices' positions, for the order of voxels that dcm2niix chose.

    dcm2niix's own affine of a tilted or unevenly spaced volume has another slice step than the files. Only which way
    its axes run is taken from it.
    """
    normal = normal_of(volume.frames[0].orientation)
    frames = sorted(volume.frames, key=lambda frame: float(np.dot(frame.position, normal)))
    first, last = frames[0], frames[-1]
    ours = pixel_affine(first.position, first.orientation, first.spacing)
    between = (np.array(last.position) - np.array(first.position)) / (volume.geometry.n_places - 1)
    ours[:3, 2] = np.array([-1.0, -1.0, 1.0]) * between
    cosines = _unit(given).T @ _unit(ours)
    axes = np.abs(cosines).argmax(axis=0)  # of dcm2niix's image, for column, row and slice
    order = np.zeros((4, 4))
    order[3, 3] = 1
    for index, axis in enumerate(axes):
        cosine = cosines[axis, index]
        if sorted(axes) != [0, 1, 2] or abs(cosine) < AXIS_COSINE_MIN:
            raise ConversionProblem("the axes of the converted image are not those of the files")
        order[index, axis] = np.sign(cosine)
        order[index, 3] = shape[axis] - 1 if cosine < 0 else 0
    return ours @ order


def _unit(affine: np.ndarray) -> np.ndarray:
    return affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)


def _even(data: np.ndarray, affine: np.ndarray, volume: Volume) -> Image:
    """Slices (the last axis) at even places from the first to the last, each interpolated between its neighbours."""
    normal = normal_of(volume.frames[0].orientation) * (-1.0, -1.0, 1.0)
    places = np.sort([float(np.dot(frame.position, normal * (-1.0, -1.0, 1.0))) for frame in volume.frames])
    if affine[:3, 2] @ normal < 0:
        places = -places[::-1]
    steps = np.diff(places)
    step = max(float(steps.min()), STEP_FRACTION_MIN * float(np.median(steps)))
    count = int(np.ceil((places[-1] - places[0]) / step - 1e-3)) + 1
    step = (places[-1] - places[0]) / (count - 1)
    wanted = places[0] + np.arange(count) * step
    below = np.clip(np.searchsorted(places, wanted, side="right") - 1, 0, len(places) - 2)
    weight = ((wanted - places[below]) / steps[below]).astype(np.float32)
    even = data[..., below] * (1 - weight) + data[..., below + 1] * weight
    spaced = affine.copy()
    spaced[:3, 2] *= (len(places) - 1) / (count - 1)
    return Image(even, spaced)


def _new_file(image: Image, header: Any) -> tuple[bytes, Any]:
    """The bytes and header of a resampled image, whose values are whole numbers of the unit itself."""
    new = header.copy()
    new.set_data_dtype(np.int16)
    new.set_data_shape(image.data.shape)
    new["scl_slope"], new["scl_inter"] = 1, 0
    new["vox_offset"] = 352
    return b"\0" * 352 + np.rint(image.data).astype(np.int16).tobytes(order="F"), new


def _with_header(content: bytes, header: Any, affine: np.ndarray) -> bytes:
    """The file again with its place, and without the texts and extensions that could name a person or a time."""
    offset = int(header["vox_offset"])
    new = header.copy()
    for name in ("descrip", "aux_file", "db_name", "intent_name"):
        new[name] = b""
    new["vox_offset"] = 352
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    new["pixdim"][1:4] = zooms
    new.set_sform(affine, code="scanner")
    new.set_qform(affine, code="scanner", strip_shears=True)
    return bytes(new.binaryblock) + b"\0\0\0\0" + content[offset:]


def sidecar_of(volume: Volume, converted: Mapping[str, Any], scan_date: str | None) -> dict[str, Any]:
    """The image's sidecar: numbers and codes of dcm2niix, completed from the files; no name, no free text, no UID.

    ContrastBolusAgent is `given` or `none`. ScanDate is the day as it may be written (shifted, or as it was).

    Parameters
    ----------
    volume : Volume
        The volume.
    converted : Mapping[str, Any]
        Sidecar of dcm2niix.
    scan_date : str | None
        Day of the scan as it may be written, or None.

    Returns
    -------
    dict[str, Any]
        Key -> value.
    """
    facts = {name: converted[name] for name in TAKEN_OVER if name in converted}
    for name, keyword in SECONDS.items():
        if name not in facts and (value := volume.number(keyword)) is not None:
            facts[name] = value / 1000
    for name in PLAIN:
        if name not in facts and (value := volume.number(name)) is not None:
            facts[name] = value
    for name, keyword in (("Manufacturer", "Manufacturer"), ("ManufacturersModelName", "ManufacturerModelName")):
        if name not in facts and volume.text(keyword):
            facts[name] = volume.text(keyword)
    kernel = kernel_text(volume.text("ConvolutionKernel"))
    if kernel:
        facts["ConvolutionKernel"] = kernel
    if volume.text("Modality") == "CT":
        facts["GantryDetectorTilt"] = _tilt_deg(volume)
    agent = agent_of(volume)
    known = agent if agent is not None else says_contrast(volume)
    if known is not None:
        facts["ContrastBolusAgent"] = GIVEN if known else NO_CONTRAST
    if scan_date:
        facts["ScanDate"] = scan_date
    return {name: _clean(value, volume) for name, value in facts.items()}


def _tilt_deg(volume: Volume) -> float:
    """The gantry's tilt: as the header gives it, unless the positions contradict it."""
    given = volume.number("GantryDetectorTilt")
    measured = round(volume.geometry.tilt_deg, 2)
    return given if given is not None and abs(abs(given) - measured) < 1 else measured


def _clean(value: Any, volume: Volume) -> Any:
    if isinstance(value, list):
        return [_clean(part, volume) for part in value]
    return without_names(value, volume) if isinstance(value, str) else value
