"""Brain and ventricles by the two networks on real scans, the worst first: `make validate-brain`.

Truth: regions drawn by MUSE on the older adults' T1w (silver; all of them together are the brain with the fluid within
the dura), moved to the FLAIR rigidly; ventricles drawn by hand on the FLAIRs of thick slices; elsewhere none, and the
volumes are all that can be judged. Older adults of TRAINED took part in the fit.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import BrainSegmentation, segment_brain
from angiolith.core.images import Image, read_ct, read_image
from angiolith.core.settings.brain import BrainSettings
from training.brain_labels import MUSE, register_rigid

ROOT = Path(__file__).parents[1]
HELD_OUT = ("03", "06", "09", "12")
DICOM_CT = "ct_head_tilted_dicom"


@dataclass(frozen=True)
class Case:
    """One scan; brain and ventricles: true masks on its grid, where there are any."""

    name: str
    kind: str
    path: Path
    is_ct: bool = False
    regions: Path | None = None
    ventricles: Path | None = None


def cases(real: Path, older: tuple[str, ...], ct: Path | None) -> list[Case]:
    """The scans that are there. ct: a converted NIfTI of the tilted DICOM series."""
    found = []
    for number in older:
        stem = f"older_adults/sub-{number}"
        regions = real / f"{stem}_space-T1w_desc-muse_dseg.nii.gz"
        for contrast in ("T1w", "FLAIR"):
            path = real / f"{stem}_{contrast}.nii.gz"
            found.append(Case(f"older_adults {number} {contrast}", f"older {contrast}", path, regions=regions))
    for number in ("01", "02", "03"):
        stem = f"ms_thick_slices/sub-{number}"
        truth = real / f"{stem}_desc-ventricles_mask.nii.gz"
        found.append(Case(f"ms_thick_slices {number}", "thick FLAIR", real / f"{stem}_FLAIR.nii.gz", ventricles=truth))
    others = [f"low_load/sub-0{n}_{c}" for n in range(1, 5) for c in ("T1w", "T2w", "FLAIR")]
    others += [
        f"{folder}/{c}" for folder in ("stroke_wmh", "ms_patient07", "ms_patient26") for c in ("T1", "T2", "FLAIR")
    ]
    others += [f"ms_longitudinal01/study{v}_{c}" for v in (1, 2) for c in ("T1W", "T2W", "FLAIR")]
    found += [Case(name.replace("/", " "), "no truth", real / f"{name}.nii.gz") for name in [*others, "pseudo_ct/T1w"]]
    found += [Case(name, "CT", real / name / "ct.nii.gz", is_ct=True) for name in ("ct_normal_head", "pseudo_ct")]
    if ct:
        found.append(Case(DICOM_CT, "CT", ct, is_ct=True))
    return [case for case in found if case.path.is_file()]


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * np.count_nonzero(first & second) / max(1, np.count_nonzero(first) + np.count_nonzero(second))


def regions_on(case: Case) -> np.ndarray:
    """MUSE's regions on the case's own grid; on a FLAIR by a rigid registration with the T1w."""
    labels = sitk.ReadImage(str(case.regions))
    if "FLAIR" in case.kind:
        own = sitk.ReadImage(str(case.path))
        t1w = sitk.ReadImage(str(case.path).replace("_FLAIR", "_T1w"))
        to_own = register_rigid(t1w, own, 1).GetInverse()
        labels = sitk.Resample(labels, own, to_own, sitk.sitkNearestNeighbor, 0.0)
    return np.asarray(sitk.GetArrayFromImage(labels)).transpose(2, 1, 0)


def row_of(case: Case, image: Image, result: BrainSegmentation, seconds: float) -> dict[str, float | str]:
    """What the table says of one scan."""
    row: dict[str, float | str] = {"scan": case.name, "kind": case.kind, "status": result.status, "seconds": seconds}
    row |= {f"{name}_cm3": volume for name, volume in result.volumes_cm3.items()}
    row["doubtful"] = result.doubtful_fraction
    if case.regions:
        regions = regions_on(case)
        brain = regions > 0
        row["brain_dice"] = dice(result.brain, brain)
        row["brain_volume_error"] = result.brain.sum() / brain.sum() - 1
        row["ventricle_dice"] = dice(result.ventricles, np.isin(regions, MUSE["ventricles"]))
        tissue = brain & ~np.isin(regions, (*MUSE["csf"], *MUSE["ventricles"]))
        row["tissue_dice"] = dice(result.parenchyma, tissue)
    elif case.ventricles:
        row["ventricle_dice"] = dice(result.ventricles, read_image(case.ventricles).data > 0)
    return row


COLUMNS = ("brain_dice", "brain_volume_error", "tissue_dice", "ventricle_dice")
VOLUMES = ("brain_cm3", "grey_cm3", "white_cm3", "csf_cm3", "ventricles_cm3", "deep_grey_cm3", "infratentorial_cm3")


def table(rows: list[dict[str, float | str]]) -> list[str]:
    """Markdown: scans with truth by Dice of the brain or the ventricles, the worst first; then the others."""
    judged = sorted((r for r in rows if "ventricle_dice" in r), key=lambda r: r.get("brain_dice", r["ventricle_dice"]))
    lines = [
        "| scan | status | brain Dice | volume error | tissue Dice | ventricles' Dice |",
        "|---|---|---|---|---|---|",
    ]
    for row in judged:
        cells = [f"{row[name]:.3f}" if name in row else "n/a" for name in COLUMNS]
        lines.append(f"| {row['scan']} | {row['status']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| kind | scans | brain Dice, mean | lowest | ventricles' Dice, mean | lowest |",
        "|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(str(row["kind"]) for row in judged):
        own = [row for row in judged if row["kind"] == kind]
        cells = []
        for name in ("brain_dice", "ventricle_dice"):
            values = [float(row[name]) for row in own if name in row]
            cells += [f"{np.mean(values):.3f}", f"{min(values):.3f}"] if values else ["n/a", "n/a"]
        lines.append(f"| {kind} | {len(own)} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| scan | status | " + " | ".join(name[:-4].replace("_", " ") for name in VOLUMES) + " | doubtful | s |",
    ]
    lines.append("|---" * (len(VOLUMES) + 4) + "|")
    for row in rows:
        cells = [f"{row[name]:.0f}" if name in row else "n/a" for name in VOLUMES]
        last = f"{row['doubtful']:.3f} | {row['seconds']:.0f}"
        lines.append(f"| {row['scan']} | {row['status']} | " + " | ".join(cells) + f" | {last} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--real", type=Path, default=Path(os.environ.get("ANGIOLITH_REAL_DATA", ROOT.parent / "shared/real"))
    )
    parser.add_argument("--model", type=Path, default=ROOT / "resources/brain_model")
    parser.add_argument("--older", nargs="*", default=HELD_OUT)
    parser.add_argument("--ct", type=Path, help=f"a NIfTI of {DICOM_CT}, its tilt corrected")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = read_brain_model(arguments.model)
    rows = []
    for case in cases(arguments.real, tuple(arguments.older), arguments.ct):
        image = (read_ct if case.is_ct else read_image)(case.path)
        start = time.process_time()
        result = segment_brain(image, case.is_ct, model, BrainSettings())
        rows.append(row_of(case, image, result, time.process_time() - start))
        print(rows[-1]["scan"], rows[-1]["status"], result.reason or "", flush=True)
    text = "\n".join(table(rows)) + "\n"
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
