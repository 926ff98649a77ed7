"""Images: what check_images says of them, in the row that every later job reads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np

from angiolith.core.bids.sidecars import Sidecars
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.tables import read_json
from scripts import check_images
from tests.hostile.case import FAILED, REVIEW, TAKEN, TOLD, Answer, Case, Given

AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])
SCL_SLOPE, SROW_X = 112, 280  # bytes of the NIfTI-1 header
OUTCOMES = {"failed": FAILED, "review": REVIEW}


SEED = 0  # of the head's noise


def head() -> np.ndarray:
    """A head in HU: brain, skull, scalp, air; 30 voxels of 6 mm each way."""
    points = np.stack(np.meshgrid(*[np.linspace(-87, 87, 30)] * 3, indexing="ij"), -1)
    radius = np.linalg.norm(points, axis=-1)
    noise = np.random.default_rng(SEED).normal(0, 5, radius.shape)
    return np.select([radius < 62, radius < 71, radius < 80], [35.0, 900.0, 20.0], -1000.0) + noise


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> None:
    """Write an image with both of its forms set; `header` sets fields afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)


STATED = {"KVP": 120, "ContrastBolusAgent": "none", "ConvolutionKernel": "H31s"}


def checked(folder: Path, columns: Mapping[str, str], stated: bool = True) -> Answer:
    """Run check_images on a session's images (column -> file name): its status and reason.

    A CT without a sidecar is given one (`STATED`), but where that it has none is the case (`stated`).
    """
    out = folder / "checks.json"
    sidecars = Sidecars(folder)
    if "ct" in columns and stated and not sidecars.paths(folder / columns["ct"]):
        (folder / columns["ct"].replace(".nii.gz", ".json")).write_text(json.dumps(STATED))
        sidecars = Sidecars(folder)
    check_images.main(
        SimpleNamespace(
            params=Given(
                settings={"check_images": CheckImagesSettings().model_dump()},
                columns={column: str(folder / name) for column, name in columns.items()},
                sidecars={column: sidecars.paths(folder / name) for column, name in columns.items()},
                notes=[],
            ),
            wildcards=Given(subject="01", session="01"),
            output=Given(checks=out),
        )
    )
    row = read_json(out)
    outcome = OUTCOMES.get(row["status"], TOLD if row["reason"] else TAKEN)
    column, _, reason = (row["reason"] or "").partition(": ")
    return Answer(outcome, f"{folder / columns[column]}: {reason}" if reason else "nothing was reported")


def one(name: str, outcome: str, said: str, write: Callable[[Path], None], column: str = "ct") -> Case:
    """A case of one image: `write` makes the file that it is given."""
    file = f"sub-01_ses-01_{column}.nii.gz"

    def make(folder: Path) -> Answer:
        write(folder / file)
        return checked(folder, {column: file})

    return Case(name, outcome, said, make, (column, write))


def voxels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Write the head with other voxels."""
    return lambda path: save(path, change(head()))


def geometry(affine: np.ndarray, **header: Any) -> Callable[[Path], None]:
    """Write the head with another affine or other header fields."""
    return lambda path: save(path, head().astype(np.int16), affine, **header)


def raw(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Write a file from the bytes of a sound one."""

    def write(path: Path) -> None:
        save(path, head().astype(np.int16))
        path.write_bytes(content(path.read_bytes()))

    return write


def beside(sidecar: object, content: Callable[[], np.ndarray] = head) -> Callable[[Path], None]:
    """Write a sound image with this JSON beside it (text as it is)."""

    def write(path: Path) -> None:
        save(path, content())
        text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
        Path(str(path).replace(".nii.gz", ".json")).write_text(text)

    return write


def forms(qform: np.ndarray | None, sform: np.ndarray | None) -> Callable[[Path], None]:
    """Write the head with these two forms, None for a code of 0."""

    def write(path: Path) -> None:
        image = nib.Nifti1Image(head().astype(np.int16), None)
        image.header.set_zooms((6.0, 6.0, 6.0))
        image.set_qform(qform, None if qform is None else 1)
        image.set_sform(sform, None if sform is None else 1)
        nib.save(image, path)

    return write


def colour(path: Path) -> None:
    data = np.zeros((8, 8, 8), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(data, AFFINE), path)


def bomb(path: Path) -> None:
    """A header that says 30,000 voxels each way, over a few compressed bytes."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((30000, 30000, 30000))
    header.set_sform(AFFINE, 1)
    path.write_bytes(gzip.compress(header.binaryblock + bytes(10_000)))


def patched(at: int, values: list[float]) -> Callable[[Path], None]:
    """Write the head with these float32 at this byte of its header."""

    def change(packed: bytes) -> bytes:
        content = bytearray(gzip.decompress(packed))
        content[at : at + 4 * len(values)] = np.array(values, np.float32).tobytes()
        return gzip.compress(bytes(content))

    return raw(change)


def surplus(path: Path) -> None:
    """A sound image with 20 MB of zeros behind it, which take 20 kB."""
    save(path, head().astype(np.int16))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(20_000_000)))


def copies(folder: Path) -> Answer:
    names = {column: f"sub-01_ses-01_{column}.nii.gz" for column in ("T1w", "FLAIR")}
    for name in names.values():
        save(folder / name, head() + 1000)
    return checked(folder, names)


def unstated(folder: Path) -> Answer:
    name = "sub-01/ses-01/ct/sub-01_ses-01_ct.nii.gz"
    save(folder / name, head())
    return checked(folder, {"ct": name}, stated=False)


def inherited(folder: Path) -> Answer:
    (folder / "ct.json").write_text('{"KVP": 80, "ContrastBolusAgent": "IOMERON", "ConvolutionKernel": "H31s"}')
    name = "sub-01/ses-01/ct/sub-01_ses-01_ct.nii.gz"
    save(folder / name, head())
    return checked(folder, {"ct": name})


def awkward_path(folder: Path) -> Answer:
    name = "Studie 2 (Müller, 頭部)/sub-01_ses-01_ct.nii.gz"
    save(folder / name, head())
    return checked(folder, {"ct": name})


def moved(shift_mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 3] += shift_mm
    return affine


SHEARED = AFFINE.copy()
SHEARED[1, 2] = 6 * np.tan(np.radians(18.5))
MIRRORED = np.diag([-6.0, 6.0, 6.0, 1.0])
SINGULAR = AFFINE.copy()
SINGULAR[:, 1] = SINGULAR[:, 0]

CASES = (
    one("an MRI under a CT's name", FAILED, "or is an MRI", voxels(lambda hu: np.clip(hu + 1000, 0, None))),
    one("a CT under an MRI's name", FAILED, "looks like a CT", voxels(lambda hu: hu), "T1w"),
    one("an MRI's JSON beside a CT", FAILED, "says Modality MR", beside({"Modality": "MR"})),
    one("HU shifted by +1024", FAILED, "intercept was lost", voxels(lambda hu: hu + 1024)),
    one(
        "HU stored as unsigned numbers",
        FAILED,
        "stored as unsigned",
        voxels(lambda hu: hu.astype(np.int16).astype(np.uint16)),
    ),
    one("a CT windowed to 0-255", FAILED, "windowed", voxels(lambda hu: np.clip((hu + 100) / 2, 0, 255))),
    one("a CT scaled to percent", FAILED, "no bone", voxels(lambda hu: np.where(hu < -900, -1000, hu / 10))),
    one("a CT of one value", FAILED, "same value", voxels(np.ones_like)),
    one("an image of zeros", FAILED, "same value", voxels(np.zeros_like), "T1w"),
    one("padding of -3024", TOLD, "padding of -3024 HU clamped", voxels(lambda hu: np.where(hu < -990, -3024.0, hu))),
    one("four dimensions", FAILED, "one 3D volume", voxels(lambda hu: np.stack([hu, hu], -1))),
    one("colour", FAILED, "colour (RGB)", colour, "T1w"),
    one("complex numbers", FAILED, "magnitude", voxels(lambda hu: hu.astype(np.complex64)), "swi"),
    one("NaN among the voxels", FAILED, "not finite", voxels(lambda hu: np.where(hu > 890, np.nan, hu))),
    one("infinity among the voxels", FAILED, "not finite", voxels(lambda hu: np.where(hu > 890, np.inf, hu)), "FLAIR"),
    one("an infinite scale (scl_slope)", FAILED, "convert it again", patched(SCL_SLOPE, [np.inf])),
    one("more data than the header says (zip bomb)", FAILED, "more than its header says", surplus),
    one("no voxels", FAILED, "no voxels", voxels(lambda hu: hu[:, :, :0])),
    one("one slice", FAILED, "at least two voxels", voxels(lambda hu: hu[:, :, :1])),
    one("no orientation (both forms missing)", FAILED, "left and right are unknown", forms(None, None)),
    one("sform missing, qform there", TAKEN, "nothing", forms(AFFINE, None)),
    one("qform and sform mirrored", FAILED, "contradict each other in left and right", forms(AFFINE, MIRRORED)),
    one("qform and sform 40 mm apart", FAILED, "40 mm apart", forms(AFFINE, moved(40.0))),
    one("a singular affine", FAILED, "singular", forms(None, SINGULAR)),
    one("NaN in the affine", FAILED, "affine holds values that are not finite", patched(SROW_X, [np.nan] * 4)),
    one("micrometres taken for millimetres", FAILED, "unit is not mm", geometry(np.diag([6000.0] * 3 + [1.0]))),
    one("metres taken for millimetres", FAILED, "unit is not mm", geometry(np.diag([0.006] * 3 + [1.0]))),
    one("slices 15 mm apart", FAILED, "15.0 mm apart", geometry(np.diag([6.0, 6.0, 15.0, 1.0]))),
    one("a gantry's tilt in the affine", TOLD, "sheared by 18.5 deg", geometry(SHEARED)),
    one("a head cut off", REVIEW, "covers only", geometry(np.diag([6.0, 6.0, 2.0, 1.0]))),
    one("a truncated file", FAILED, "cannot be read as NIfTI", raw(lambda content: content[: len(content) // 2])),
    one("a damaged byte", FAILED, "CRC check failed", raw(lambda c: c[:2000] + bytes([c[2000] ^ 255]) + c[2001:])),
    one("bytes of something else", FAILED, "cannot be read as NIfTI", raw(lambda c: bytes(range(256)) * 20)),
    one("a web page saved as an image", FAILED, "cannot be read", raw(lambda c: b"<html>Please log in</html>")),
    one("a compressed file of nothing", FAILED, "cannot be read", raw(lambda c: gzip.compress(b""))),
    one("an empty file", FAILED, "the file is empty", raw(lambda c: b"")),
    one("an uncompressed file named .gz", FAILED, "cannot be read", raw(gzip.decompress)),
    one("a header that claims 200 TB (zip bomb)", FAILED, "more than the 600000000", bomb),
    one("a JSON that is none", REVIEW, "ct.json cannot be read", beside('{"KVP": 120,')),
    one("a JSON that is a list", REVIEW, "ct.json cannot be read", beside([1, 2])),
    Case("a CT without a JSON (as dcm2niix writes none of these)", TOLD, "does not say: tube voltage", unstated),
    Case("a JSON at the root for all CTs: 80 kVp, contrast", REVIEW, "80 kVp", inherited),
    one("a gantry's tilt in the JSON", TOLD, "gantry tilt 18.5 deg", beside(STATED | {"GantryDetectorTilt": 18.5})),
    one("a sharp kernel", REVIEW, "sharp kernel (H70h)", beside(STATED | {"ConvolutionKernel": "H70h"})),
    one(
        "a localiser under a CT's name",
        FAILED,
        "a localiser",
        beside({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
    ),
    replace(  # within a BIDS folder it is left out by the index
        one(
            "a phase image under SWI's name",
            FAILED,
            "a phase image",
            beside({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, lambda: head() + 1100),
            "swi",
        ),
        image=None,
    ),
    one(
        "a contrast agent in a FLAIR's JSON",
        REVIEW,
        "before or after",
        beside({"ContrastBolusAgent": "Gadovist"}, lambda: head() + 1100),
        "FLAIR",
    ),
    one("a tube voltage given as text", REVIEW, "80 kVp", beside({"KVP": "80"})),
    one("contrast agent on CT", REVIEW, "contrast agent was given", beside({"ContrastBolusAgent": "OMNIPAQUE"})),
    Case("the same image under two names of a session", REVIEW, "same voxels as", copies),
    Case("spaces, brackets and letters of three scripts in a path", TAKEN, "nothing", awkward_path),
)
