"""Registration of CT to MRI from random poses of real heads: `make validate-real-poses`.

    python -m validation.real_poses --out docs/registration_real_heads.md

The MRI is a real T1w. The CT of `pseudo_ct` comes with it; those of older adults are made here of the T1w's own labels
(MUSE within the dura, grey levels outside), in HU, with noise. So their anatomy is real and their grey levels are not.
With `--rows`, cases that the file holds are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

from angiolith.core.images import HU_AIR, Image, canonical, linear_transform, map_points, moved, read_ct, read_image
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.registration.alignment import alignment_measures
from angiolith.registration.rigid import register_rigid, second_search_mm
from angiolith.registration.session import judge
from training.brain_labels import LABELS, N_OUTSIDE, brain_labels, outside_labels
from validation.compare import markdown
from validation.poses import as_read, random_pose, thicken

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", ROOT.parent / "shared/real"))
SETTINGS, LIMITS = RigidSettings(), RegistrationReviewSettings()
HEADS = ("pseudo_ct", *(f"{number:02d}" for number in range(1, 13)))
HU = {
    **dict.fromkeys(("cortex", "hippocampus_amygdala", "thalamus", "caudate", "putamen", "ventral_diencephalon"), 37.0),
    **dict.fromkeys(("white", "cerebellar_white", "brainstem"), 29.0),
    **{"cerebellar_cortex": 36.0, "pallidum": 40.0, "csf": 8.0, "ventricles": 6.0},
    **{"skull_dark": 1000.0, "skull_bright": 350.0},
}
OUTSIDE_HU = (40.0, 50.0, 55.0, 20.0, -40.0, -90.0)  # dark on T1w: muscle and fluid; bright: fat
MADE_MM = 1.0  # voxels of a made CT
NOISE_HU = 6.0
HELD_OUT_SEED, HELD_OUT_CASES = 7, 26  # poses that were looked at once, when the search was finished
FOUND_MM = 0.5  # goal for the mean error
WRONG_MM = 1.2  # an error that the check must see
INJECTED_MM = (0.6, 1.2, 2.0)  # shifts of the true transform that the check is shown
POINTS = 400


@dataclass(frozen=True)
class Pair:
    """A T1w, a CT, the true 4 x 4 from points of the T1w to points of the CT, and points (n, 3) to judge at, RAS mm."""

    mri: Image
    ct: Image
    to_ct: np.ndarray
    points: np.ndarray


def made_ct(t1w: Image, regions: np.ndarray, seed: int) -> Image:
    """A CT (HU) on a grid of 1 mm, of the labels of a T1w's head: brain by regions, the rest by grey level."""
    inside = regions > 0
    label = outside_labels(t1w.data, inside, float(t1w.voxel_mm[0]))
    label = np.where(inside, brain_labels(regions), label)
    table = np.full(256, HU_AIR, np.float32)
    for name, value in HU.items():
        table[LABELS[name]] = value
    first = LABELS["outside_first"]
    table[first : first + N_OUTSIDE] = OUTSIDE_HU
    zoom = t1w.voxel_mm / MADE_MM
    hu = ndimage.zoom(table[label], zoom, order=1, mode="nearest", grid_mode=True)
    zoom = np.array(hu.shape) / label.shape
    step = np.diag([*(1 / zoom), 1.0])
    step[:3, 3] = 0.5 / zoom - 0.5
    hu += NOISE_HU * np.random.default_rng(seed).standard_normal(hu.shape, dtype=np.float32)
    return Image(hu.astype(np.float32), t1w.affine @ step)


def read_pair(name: str) -> Pair:
    """The pair of a head, as it was scanned or made."""
    if name == "pseudo_ct":
        folder = REAL / name
        truth = json.loads((folder / "truth.json").read_text())
        (points,) = (np.array(value) for key, value in truth.items() if key != "ct_to_t1")
        return Pair(
            read_image(folder / "T1w.nii.gz"),
            read_ct(folder / "ct.nii.gz"),
            np.linalg.inv(np.array(truth["ct_to_t1"])),
            points,
        )
    stem = REAL / f"older_adults/sub-{name}"
    t1w = canonical(read_image(f"{stem}_T1w.nii.gz"))
    regions = canonical(read_image(f"{stem}_space-T1w_desc-muse_dseg.nii.gz")).data.astype(int)
    voxels = np.argwhere(regions > 0)
    points = moved(t1w.affine, voxels[:: max(1, len(voxels) // POINTS)])
    return Pair(t1w, made_ct(t1w, regions, int(name)), np.eye(4), points)


def spoilt(pair: Pair, case: dict[str, float]) -> Pair:
    """The CT in a random pose, its slices thick, and the top of the head missing."""
    rng = np.random.default_rng(int(case["seed"]))
    ct = pair.ct
    if case["missing_mm"]:
        filled = np.flatnonzero((ct.data > -200).mean(axis=(0, 1)) > 0.02)
        ct = Image(ct.data[:, :, : filled[-1] - round(case["missing_mm"] / ct.voxel_mm[2])], ct.affine)
    ct = thicken(ct, case["slice_mm"])
    pose = random_pose(rng, ct, case["angle_deg"], case["shift_mm"])
    return Pair(pair.mri, as_read(ct.placed(pose)), pose @ pair.to_ct, pair.points)


def draw(count: int, seed: int) -> list[dict[str, float]]:
    """Random cases, the heads in turn."""
    rng = np.random.default_rng(seed)
    return [
        {
            "number": number,
            "head": number % len(HEADS),
            "slice_mm": float(rng.choice([1.0, 2.5, 5.0, 5.0])),
            "missing_mm": float(rng.choice([0.0, 0.0, 30.0, 50.0])),
            "angle_deg": float(rng.uniform(0, 25)),
            "shift_mm": float(rng.uniform(0, 40)),
            "seed": int(rng.integers(1 << 31)),
        }
        for number in range(count)
    ]


def errors_mm(transform: sitk.Transform, pair: Pair) -> np.ndarray:
    """Distance (n,) between where the found and the true transforms take the points."""
    return np.linalg.norm(map_points(transform, pair.points) - moved(pair.to_ct, pair.points), axis=1)


def ants_rigid(pair: Pair) -> tuple[float, float]:
    """Mean error of ANTs' default rigid registration (mm), and its seconds of CPU."""
    import ants

    from angiolith.brain.template import to_ants

    start = time.process_time()
    found = ants.registration(to_ants(pair.mri), to_ants(pair.ct), type_of_transform="Rigid", random_seed=1)
    transform = sitk.ReadTransform(found["fwdtransforms"][0])
    return float(errors_mm(transform, pair).mean()), time.process_time() - start


def run_case(case: dict[str, float], with_ants: bool) -> dict[str, object]:
    """Errors and checks of one case."""
    name = HEADS[int(case["head"])]
    pair = spoilt(read_pair(name), case)
    row: dict[str, object] = {**case, "head": name}
    start = time.process_time()
    result = register_rigid(pair.mri, pair.ct, SETTINGS, moving_is_ct=True)
    row |= {"cpu_s": time.process_time() - start, "spread_mm": result.restart_spread_mm}
    error = errors_mm(result.transform, pair)
    row |= {"mean_mm": error.mean(), "max_mm": error.max()}
    start = time.process_time()
    measures = alignment_measures(pair.ct, pair.mri, result.transform)
    measures["second_search_mm"] = second_search_mm(pair.mri, pair.ct, result.transform, SETTINGS)
    row |= {"check_cpu_s": time.process_time() - start, **measures}
    judged, why = judge(measures, LIMITS)
    row |= {"status": result.status if result.status == "failed" else judged, "reason": result.reason or why}
    size = INJECTED_MM[int(case["number"]) % len(INJECTED_MM)]
    direction = np.random.default_rng(int(case["seed"])).normal(size=3)
    off = np.eye(4)
    off[:3, 3] = size * direction / np.linalg.norm(direction)
    row |= {
        "injected_mm": size,
        "injected_seen_mm": second_search_mm(pair.mri, pair.ct, linear_transform(off @ pair.to_ct), SETTINGS),
    }
    if with_ants:
        row["ants_mm"], row["ants_cpu_s"] = ants_rigid(pair)
    return row


def by_kind(rows: pd.DataFrame) -> str:
    """Errors and the self-check's answers, for all cases and for kinds of them."""
    good, said = rows.mean_mm <= WRONG_MM, rows.status != "ok"
    kinds = {
        "all": rows.number >= 0,
        "slices of 5 mm": rows.slice_mm == 5.0,
        "top missing": rows.missing_mm > 0,
        "5 mm, top missing": (rows.slice_mm == 5.0) & (rows.missing_mm > 0),
        "pseudo_ct": rows["head"] == "pseudo_ct",
    }
    lines = [
        {
            "cases": name,
            "n": int(chosen.sum()),
            "mean error (mm)": rows[chosen].mean_mm.mean(),
            "largest mean (mm)": rows[chosen].mean_mm.max(),
            "largest error of a point (mm)": rows[chosen].max_mm.max(),
            f"mean over {FOUND_MM:g} mm": int((rows[chosen].mean_mm > FOUND_MM).sum()),
            f"undetected (mean over {WRONG_MM:g} mm, ok)": int((chosen & ~good & ~said).sum()),
            "detected": int((chosen & ~good & said).sum()),
            "false alarms": int((chosen & good & said).sum()),
        }
        for name, chosen in kinds.items()
    ]
    return markdown(pd.DataFrame(lines))


def injected_by_size(rows: pd.DataFrame) -> str:
    """What the self-check sees of a shift of the true transform."""
    injected = [
        {
            "true transform shifted by (mm)": size,
            "n": len(part),
            "second search ends away (mm), median": part.injected_seen_mm.median(),
            "lowest": part.injected_seen_mm.min(),
            "highest": part.injected_seen_mm.max(),
            f"flagged (over {LIMITS.second_search_mm_max:g} mm)": int(
                (part.injected_seen_mm > LIMITS.second_search_mm_max).sum()
            ),
        }
        for size, part in rows.groupby("injected_mm")
    ]
    return markdown(pd.DataFrame(injected))


def page(rows: pd.DataFrame, held_out: pd.DataFrame) -> str:
    """The page: the worst first."""
    shown = rows.sort_values("mean_mm", ascending=False)
    columns = ["number", "head", "slice_mm", "missing_mm", "angle_deg", "mean_mm", "max_mm", "spread_mm"]
    columns += [
        "second_search_mm",
        "status",
        *(["ants_mm", "ants_cpu_s"] if "ants_mm" in rows else []),
        "cpu_s",
        "check_cpu_s",
    ]
    return (
        "\n\n".join(
            [
                HEADING,
                by_kind(rows),
                INJECTED,
                injected_by_size(rows),
                WORST,
                markdown(shown[columns]),
                HELD_OUT,
                by_kind(held_out),
                injected_by_size(held_out),
            ]
        )
        + "\n"
    )


HEADING = """# Registration of CT to MRI on real heads

`make validate-real-poses` writes this page. MRI: real T1w of the older adults (2 mm) and of `pseudo_ct` (1 mm). CT:
that of `pseudo_ct`; for the older adults one made of the T1w's labels (regions by MUSE, grey levels outside; HU,
noise). No real CT has a known transform to an MRI, so none is here. Each CT is turned and shifted (in the header, so
the truth is exact); in some the slices are averaged to 2.5 or 5 mm, in some the uppermost 30 or 50 mm are missing.
Error: over points of the brain."""
INJECTED = """The self-check judges a registration by a second search from it, on samples of its own. Here it is shown
the true transform, shifted in a random direction:"""
HELD_OUT = """## Held-out poses

The cases above were looked at while the search was changed. These are other poses of the same heads, measured once, at
the end, without ANTs. The second table: what the self-check sees of a shifted true transform."""
WORST = """All cases, the worst first. `ants_mm`: mean error of ANTs' default (`Rigid`) in the same run, where it was
run (else n/a)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=22)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--ants", type=int, nargs="*", default=range(8, 22), help="numbers of the cases that ANTs runs, too"
    )
    parser.add_argument("--rows", type=Path, default=ROOT / "build/real_poses.tsv")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--held-out", type=Path, default=ROOT / "build/real_poses_held_out.tsv")
    arguments = parser.parse_args()
    rows = measured(arguments.rows, draw(arguments.cases, arguments.seed), arguments.ants)
    held_out = measured(arguments.held_out, draw(HELD_OUT_CASES, HELD_OUT_SEED), ())
    if arguments.out:
        arguments.out.write_text(page(rows, held_out), encoding="utf-8")


def measured(path: Path, cases: Sequence[dict[str, float]], with_ants: Collection[float]) -> pd.DataFrame:
    """The cases' rows; those that the file holds are not run again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = pd.read_csv(path, sep="\t").to_dict("records") if path.exists() else []
    made = {row["number"] for row in done}
    for case in cases:
        if case["number"] not in made:
            done.append(run_case(case, case["number"] in with_ants))
            pd.DataFrame(done).to_csv(path, sep="\t", index=False)
            shown = ("number", "head", "mean_mm", "status", "second_search_mm")
            print({key: done[-1][key] for key in shown}, flush=True)
    return pd.DataFrame(done).sort_values("number")


if __name__ == "__main__":
    main()
