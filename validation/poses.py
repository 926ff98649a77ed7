"""Registration of CT to MRI from random poses of digital heads, with the cases that clinics send.

    python -m validation.poses --run build/poses --cases 200 --out docs/registration.md

`--run` holds bids/ and truth/ of digital heads; with `--rows`, cases that the file holds are not run again.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial.transform import Rotation

from angiolith.core.images import HU_AIR, Image, ImageError, map_points, read_image, remove_shear
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.registration.alignment import alignment_measures
from angiolith.registration.rigid import register_rigid, second_search_mm
from angiolith.registration.session import judge
from validation.compare import TEMPLATE_NOTE, markdown

SETTINGS, LIMITS = RigidSettings(), RegistrationReviewSettings()
TARGETS = {"T1w": "anat", "FLAIR": "anat", "swi": "anat", "vwi": "vwi"}
CUT_HALVES = ("none", "top", "bottom", "left", "right")
ABOUT = (
    "Each takes a digital phantom, turns and shifts its CT (in the header: no voxel changes, the truth is exact) and "
    "then, in some, thickens its slices, cuts half of it away, shears it as a tilted gantry does, pads its corners, or "
    "takes the scalp off the MRI. Couch and head holder are in all. The error is the distance, over the brain, between "
    "where the found and the true transforms take points."
)
METAL_HU = 1700.0  # denser than any bone of the heads
MISS_MM = 2.0  # a mean error over this is a failed registration, whether it says so or not


@dataclass(frozen=True)
class Case:
    """What one case does to its pair of images."""

    number: int
    session: str
    target: str
    angle_deg: float
    shift_mm: float
    slice_mm: float | None
    missing: str
    gantry_deg: float
    padding_hu: float | None
    brain_extracted: bool
    seed: int

    @classmethod
    def plain(cls, session: str, target: str) -> Case:
        """The pair as it was scanned."""
        return cls(0, session, target, 0.0, 0.0, None, "none", 0.0, None, False, 0)


def draw_cases(pairs: list[tuple[str, str]], count: int, seed: int) -> list[Case]:
    """Random cases; each oddity in its own share of them."""
    rng = np.random.default_rng(seed)
    cases = []
    for number in range(count):
        session, target = pairs[rng.integers(len(pairs))]
        slab = target == "vwi"  # half a head and a slab of the other half have nothing in common
        cases.append(
            Case(
                number=number,
                session=session,
                target=target,
                angle_deg=float(rng.uniform(0, 45)),
                shift_mm=float(rng.uniform(0, 60)),
                slice_mm=float(rng.choice([1.0, 2.5, 3.75, 5.0])) if rng.random() < 0.6 else None,
                missing="none" if slab or rng.random() < 0.65 else str(rng.choice(CUT_HALVES[1:])),
                gantry_deg=float(rng.uniform(5, 25)) if rng.random() < 0.2 else 0.0,
                padding_hu=float(rng.choice([-1500, -2048, -3024])) if rng.random() < 0.5 else None,
                brain_extracted=bool(not slab and rng.random() < 0.2),
                seed=int(rng.integers(1 << 31)),
            )
        )
    return cases


def true_transform(run: Path, session: str, first: str, second: str) -> np.ndarray:
    """4 x 4 from points of one image of the session to points of another (RAS mm)."""
    head_to = json.loads((run / f"truth/{session}_transforms.json").read_text())["head_to"]
    return np.array(head_to[second]) @ np.linalg.inv(head_to[first])


def load_case(run: Path, case: Case) -> tuple[Image, Image, np.ndarray]:
    """Fixed MRI, moving CT, and the true 4 x 4 from points of the MRI to points of the CT (RAS mm)."""
    rng = np.random.default_rng(case.seed)
    subject = case.session.split("_")[0]
    folder = run / "bids" / subject / case.session.split("_")[1]
    mri = read_image(folder / TARGETS[case.target] / f"{case.session}_{case.target}.nii.gz")
    ct = read_image(folder / f"ct/{case.session}_ct.nii.gz")
    to_ct = true_transform(run, case.session, case.target, "ct")
    if case.brain_extracted:
        mri = without_scalp(run, case, mri)
    ct = cut(ct, case.missing)
    if case.slice_mm:
        ct = thicken(ct, case.slice_mm)
    if case.gantry_deg:
        ct = shear(ct, case.gantry_deg)
    pose = random_pose(rng, ct, case.angle_deg, case.shift_mm)
    ct = ct.placed(pose)
    if case.padding_hu is not None:
        ct = pad_corners(ct, case.padding_hu)
    return mri, as_read(ct), pose @ to_ct


def as_read(ct: Image) -> Image:
    """What reading does to a CT: padding becomes air, a shear is resampled out."""
    return remove_shear(ct.with_data(np.maximum(ct.data, HU_AIR)), fill=HU_AIR)


def random_pose(rng: np.random.Generator, ct: Image, angle_deg: float, shift_mm: float) -> np.ndarray:
    """Turn about a random axis through the image's centre, then shift in a random direction."""
    axis, direction = rng.normal(size=(2, 3))
    centre = ct.affine[:3, :3] @ ((np.array(ct.data.shape) - 1) / 2) + ct.affine[:3, 3]
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(np.radians(angle_deg) * axis / np.linalg.norm(axis)).as_matrix()
    pose[:3, 3] = centre - pose[:3, :3] @ centre + shift_mm * direction / np.linalg.norm(direction)
    return pose


def thicken(ct: Image, slice_mm: float) -> Image:
    """Average neighbouring slices to about this thickness."""
    count = max(1, round(slice_mm / float(np.linalg.norm(ct.affine[:3, 2]))))
    kept = ct.data.shape[2] // count * count
    data = ct.data[..., :kept].reshape(*ct.data.shape[:2], -1, count).mean(axis=3)
    step = np.eye(4)
    step[2, 2], step[2, 3] = count, (count - 1) / 2
    return Image(data, ct.affine @ step)


def cut(ct: Image, missing: str) -> Image:
    """Leave out half of the head, along the third axis (top, bottom) or the first one (left, right)."""
    if missing == "none":
        return ct
    axis, upper = {"top": (2, True), "bottom": (2, False), "left": (0, False), "right": (0, True)}[missing]
    inside = np.flatnonzero((ct.data > -200).mean(axis=tuple({0, 1, 2} - {axis})) > 0.05)
    middle = int((inside[0] + inside[-1]) / 2)
    low, high = (0, middle) if upper else (middle, ct.data.shape[axis])
    start = np.zeros(3)
    start[axis] = low
    affine = ct.affine.copy()
    affine[:3, 3] = ct.affine[:3, :3] @ start + ct.affine[:3, 3]
    return Image(np.take(ct.data, np.arange(low, high), axis=axis), affine)


def shear(ct: Image, gantry_deg: float) -> Image:
    """The same head on a grid whose slices are pushed along the second axis, as a tilted gantry stacks them."""
    step_mm, pixel_mm = np.linalg.norm(ct.affine[:3, 2]), np.linalg.norm(ct.affine[:3, 1])
    push = np.eye(4)
    push[1, 2] = np.tan(np.radians(gantry_deg)) * step_mm / pixel_mm
    push[1, 3] = -push[1, 2] * (ct.data.shape[2] - 1) / 2
    data = ndimage.affine_transform(ct.data, push[:3, :3], push[:3, 3], order=1, cval=-1000.0)
    return Image(data, ct.affine @ push)


def pad_corners(ct: Image, padding_hu: float) -> Image:
    """The scanner's padding outside its circle of reconstruction."""
    x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in ct.data.shape[:2]), indexing="ij")
    return ct.with_data(np.where((x**2 + y**2 > 1)[..., None], np.float32(padding_hu), ct.data))


def without_scalp(run: Path, case: Case, mri: Image) -> Image:
    """The MRI with everything outside the true brain set to zero."""
    brain = read_image(run / f"truth/{case.session}_space-FLAIR_brain.nii.gz")
    index = np.linalg.inv(brain.affine) @ true_transform(run, case.session, case.target, "FLAIR") @ mri.affine
    inside = ndimage.affine_transform(brain.data, index[:3, :3], index[:3, 3], mri.data.shape, order=1) > 0.5
    return mri.with_data(np.where(inside, mri.data, 0))


def brain_points(run: Path, case: Case, mri: Image) -> np.ndarray:
    """Points of the brain (n, 3) in the MRI's world, within the MRI's field of view."""
    brain = read_image(run / f"truth/{case.session}_space-FLAIR_brain.nii.gz")
    voxels = np.argwhere(brain.data > 0)[::997]
    to_mri = true_transform(run, case.session, "FLAIR", case.target) @ brain.affine
    points = voxels @ to_mri[:3, :3].T + to_mri[:3, 3]
    index = (points - mri.affine[:3, 3]) @ np.linalg.inv(mri.affine[:3, :3]).T
    return points[((index > 0) & (index < np.array(mri.data.shape) - 1)).all(axis=1)]


def run_case(run: Path, case: Case) -> dict[str, object]:
    mri, ct, truth = load_case(run, case)
    points = brain_points(run, case, mri)
    started = time.process_time()
    row: dict[str, object] = dict(vars(case)) | {"dental_metal": bool((ct.data > METAL_HU).any())}
    try:
        result = register_rigid(mri, ct, SETTINGS, moving_is_ct=True)
    except ValueError as error:
        return row | {"status": "failed", "reason": str(error), "cpu_s": time.process_time() - started}
    row["cpu_s"] = time.process_time() - started
    error = np.linalg.norm(map_points(result.transform, points) - (points @ truth[:3, :3].T + truth[:3, 3]), axis=1)
    measures = alignment_measures(ct, mri, result.transform)
    measures["second_search_mm"] = second_search_mm(mri, ct, result.transform, SETTINGS)
    judged, why = judge(measures, LIMITS)
    failed = "failed" in (result.status, judged)
    reasons = "; ".join(filter(None, (result.reason, why)))
    row |= {"mean_mm": error.mean(), "max_mm": error.max(), "spread_mm": result.restart_spread_mm, **measures}
    return row | {"status": "failed" if failed else judged, "reason": reasons}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a kind of case: how many, the errors of those that passed, and how the self-check did."""
    kinds = {"all": rows.number >= 0}
    kinds |= {f"target {name}": rows.target == name for name in TARGETS}
    kinds |= {f"half missing ({name})": rows.missing == name for name in CUT_HALVES[1:]}
    kinds |= {"turned by more than 30 deg": rows.angle_deg > 30, "slices of 3.75 mm and more": rows.slice_mm > 3.7}
    kinds |= {
        "gantry shear": rows.gantry_deg > 0,
        "padding": rows.padding_hu.notna(),
        "brain only": rows.brain_extracted,
        "dental metal": rows.dental_metal,
    }
    lines = []
    for name, chosen in kinds.items():
        part = rows[chosen]
        passed, wrong = part.status != "failed", ~(part.mean_mm <= MISS_MM)
        good = part[passed & ~wrong]
        lines.append(
            {
                "cases": name,
                "n": len(part),
                "passed and right": len(good),
                "mean error (mm)": good.mean_mm.mean(),
                "95th percentile of means (mm)": good.mean_mm.quantile(0.95) if len(good) else np.nan,
                "largest error of a point (mm)": good.max_mm.max(),
                "undetected failures": int((passed & wrong).sum()),
                "detected failures": int((~passed & wrong).sum()),
                "false alarms": int((~passed & ~wrong).sum()),
                "CPU (s)": part.cpu_s.mean(),
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rows", type=Path, help="write one line a case here (TSV)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pairs = []
    for path in sorted((options.run / "bids").glob("sub-*/ses-*/ct/*_ct.nii.gz")):
        session = path.name.removesuffix("_ct.nii.gz")
        if (options.run / f"truth/{session}_space-ct_arteries.nii.gz").exists() and readable(path):
            pairs += [
                (session, target)
                for target, folder in TARGETS.items()
                if (path.parents[1] / folder / f"{session}_{target}.nii.gz").exists()
            ]
    cases = draw_cases(pairs, options.cases, options.seed)
    done = pd.read_csv(options.rows, sep="\t").to_dict("records") if options.rows and options.rows.exists() else []
    made = {row["number"] for row in done}
    with multiprocessing.Pool(options.jobs, initializer=_one_thread) as pool:
        for row in pool.imap(functools.partial(run_case, options.run), [c for c in cases if c.number not in made]):
            done.append(row)
            if options.rows:
                pd.DataFrame(done).to_csv(options.rows, sep="\t", index=False)
    rows = pd.DataFrame(done).sort_values("number")
    parts = [
        "# Registration from random poses",
        f"Written by `make validate-poses`: the first {len(rows)} cases of seed {options.seed}. {ABOUT} Wrong: a mean "
        f"error over {MISS_MM:g} mm. Detected: the self-check refuses the registration, and the subject's CT is not "
        f"measured. Means and largest errors are those of what passed and is right. {TEMPLATE_NOTE}",
        markdown(summary(rows)),
        "Why registrations were refused, and by how much they were off:",
        markdown(refused(rows)),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def refused(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each case that did not pass or is wrong."""
    shown = rows[(rows.status == "failed") | ~(rows.mean_mm <= MISS_MM)].copy()
    wrong = ~(shown.mean_mm <= MISS_MM)
    said = shown.status == "failed"
    shown["verdict"] = np.select(
        [wrong & said, wrong & ~said], ["detected failure", "UNDETECTED FAILURE"], "false alarm"
    )
    shown = shown.sort_values(["verdict", "number"], ascending=[False, True])
    columns = [
        "verdict",
        "number",
        "target",
        "missing",
        "slice_mm",
        "brain_extracted",
        "angle_deg",
        "mean_mm",
        "reason",
    ]
    return shown[columns].fillna({"reason": ""})


def readable(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return False
    return True


def _one_thread() -> None:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
