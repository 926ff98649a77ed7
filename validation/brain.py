"""Brain and ventricles by the networks on real scans, the worst first: `make validate-brain`.

Truth: regions drawn by MUSE on the older adults' T1w (silver; all of them together are the brain with the fluid within
the dura), moved to the FLAIR rigidly; ventricles drawn by hand on the FLAIRs of thick slices; elsewhere none, and the
volumes are all that can be judged. All older adults took part in the fit; an earlier state of it knew none of HELD_OUT,
and measures these where it is given. Rows and pictures are kept in
the scratch folder, so that a run that was cut goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image as Picture
from scipy import ndimage

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import BrainSegmentation, segment_brain
from angiolith.core.images import Image, moved, read_ct, read_image, resample
from angiolith.core.networks import open_network
from angiolith.core.settings.brain import BrainSettings
from training.brain_labels import MUSE, register_rigid
from validation.small_vessel import dice

Row = dict[str, float | str]

ROOT = Path(__file__).parents[1]
HELD_OUT = ("03", "06", "09", "12")
OTHERS = ("01", "02", "04", "05", "07", "08", "10", "11")
DICOM_CT = "ct_head_tilted_dicom"
TILE = (96, 112)  # voxels of 2 mm: one slice of a picture
SLICES = 9
SHOWN = {  # sets whose licences let their pictures be handed on, with the credit that they ask for
    "older_adults": "NiChart_Project's demonstration data, copyright University of Pennsylvania (SBIA); no endorsement",
    "ms_thick_slices": "Mahdi-Bashiri/Sim-Vent-WMH-Seg, MIT",
    "ms_longitudinal01": "Lesjak 2016, CC-BY",
    "ms_patient": "Lesjak 2017, CC-BY",
    "stroke_wmh": "neurolabusc/VolumeRenderingData, MIT",
    "pseudo_ct": "mne-misc-data, BSD-3",
}


@dataclass(frozen=True)
class Case:
    """One scan; brain and ventricles: true masks on its grid, where there are any."""

    name: str
    kind: str
    path: Path
    is_ct: bool = False
    regions: Path | None = None
    ventricles: Path | None = None


def cases(real: Path, older: tuple[str, ...], ct: Path | None, held_out: tuple[str, ...] = HELD_OUT) -> list[Case]:
    """The scans that are there. ct: a converted NIfTI of the tilted DICOM series; held_out: no part of the fit."""
    found = []
    for number in older:
        stem = f"older_adults/sub-{number}"
        regions = real / f"{stem}_space-T1w_desc-muse_dseg.nii.gz"
        for contrast in ("T1w", "FLAIR"):
            path = real / f"{stem}_{contrast}.nii.gz"
            kind = f"older {contrast}, {'held out' if number in held_out else 'fitted on'}"
            found.append(Case(f"older_adults {number} {contrast}", kind, path, regions=regions))
    for number in ("01", "02", "03"):
        stem = f"ms_thick_slices/sub-{number}"
        truth = real / f"{stem}_desc-ventricles_mask.nii.gz"
        found.append(Case(f"ms_thick_slices {number}", "thick FLAIR", real / f"{stem}_FLAIR.nii.gz", ventricles=truth))
    others = [f"low_load/sub-0{n}_FLAIR" for n in range(1, 5)]
    others += [
        f"{folder}/{c}" for folder in ("stroke_wmh", "ms_patient07", "ms_patient26") for c in ("T1", "T2", "FLAIR")
    ]
    others += [f"ms_longitudinal01/study{v}_{c}" for v in (1, 2) for c in ("T1W", "T2W", "FLAIR")]
    found += [Case(name.replace("/", " "), "no truth", real / f"{name}.nii.gz") for name in [*others, "pseudo_ct/T1w"]]
    found += [Case(name, "CT", real / name / "ct.nii.gz", is_ct=True) for name in ("ct_normal_head", "pseudo_ct")]
    if ct:
        found.append(Case(DICOM_CT, "CT", ct, is_ct=True))
    return [case for case in found if case.path.is_file()]


def regions_on(case: Case) -> np.ndarray:
    """MUSE's regions on the case's own grid; on a FLAIR by a rigid registration with the T1w."""
    labels = sitk.ReadImage(str(case.regions))
    if "FLAIR" in case.kind:
        own = sitk.ReadImage(str(case.path))
        t1w = sitk.ReadImage(str(case.path).replace("_FLAIR", "_T1w"))
        to_own = register_rigid(t1w, own, 1).GetInverse()
        labels = sitk.Resample(labels, own, to_own, sitk.sitkNearestNeighbor, 0.0)
    return np.asarray(sitk.GetArrayFromImage(labels)).transpose(2, 1, 0)


def row_of(case: Case, image: Image, result: BrainSegmentation, seconds: float) -> Row:
    """What the table says of one scan."""
    row: Row = {"scan": case.name, "kind": case.kind, "status": result.status, "seconds": seconds}
    row |= {"reason": result.reason or ""}
    row |= {f"{name}_cm3": volume for name, volume in result.volumes_cm3.items()}
    row["doubtful"] = result.doubtful_fraction
    if case.regions:
        regions = regions_on(case)
        brain = regions > 0
        row["brain_dice"] = dice(result.brain, brain)
        row["brain_volume_error"] = float(result.brain.sum() / brain.sum() - 1)
        ventricles = np.isin(regions, MUSE["ventricles"])
        tissue = brain & ~np.isin(regions, (*MUSE["csf"], *MUSE["ventricles"]))
        row["tissue_dice"] = dice(result.parenchyma, tissue)
    elif case.ventricles:
        ventricles = read_image(case.ventricles).data > 0
    else:
        return row
    row["ventricle_dice"] = dice(result.ventricles, ventricles)
    row["true_ventricles_cm3"] = float(ventricles.sum() * image.voxel_volume_mm3 / 1000)
    return row


def picture(case: Case, image: Image, result: BrainSegmentation) -> np.ndarray:
    """Slices from the skull base to the vertex, 2 mm, with outlines of brain (yellow) and ventricles (red)."""
    where = moved(image.affine, np.argwhere(result.brain)) if result.brain.any() else np.zeros((1, 3))
    low, high = where.min(axis=0), where.max(axis=0)
    affine = np.diag([2.0, 2.0, (high[2] - low[2]) / (SLICES + 1) or 2.0, 1.0])
    affine[:3, 3] = (*((low + high)[:2] / 2 - np.array(TILE)), low[2] + affine[2, 2])
    grid = Image(np.zeros((*TILE, SLICES), np.float32), affine)
    shown = resample(image, grid).data
    bottom, top = (0.0, 80.0) if case.is_ct else (0.0, float(np.percentile(image.data[result.brain], 99.5)) * 1.2)
    grey = (np.clip((shown - bottom) / max(top - bottom, 1e-6), 0, 1) * 255).astype(np.uint8)
    colour = np.stack([grey] * 3, axis=-1)
    for mask, ink in ((result.brain, (255, 220, 0)), (result.ventricles, (255, 40, 40))):
        inside = resample(image.with_data(mask.astype(np.float32)), grid).data > 0.5
        edge = inside & ~ndimage.binary_erosion(inside, np.ones((3, 3, 1)))
        colour[edge] = ink
    return np.concatenate([np.rot90(colour[:, :, k]) for k in range(SLICES)], axis=1)


def measure(case: Case, model: BrainModel, scratch: Path) -> Row:
    """One scan's row; kept, with its picture."""
    kept = scratch / f"{case.name.replace('/', ' ')}.json"
    if not kept.exists():
        image = (read_ct if case.is_ct else read_image)(case.path)
        start = time.process_time()
        result = segment_brain(image, case.is_ct, model, BrainSettings())
        row = row_of(case, image, result, time.process_time() - start)
        row["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        Picture.fromarray(picture(case, image, result)).save(kept.with_suffix(".png"))
        kept.write_text(json.dumps(row), encoding="utf-8")
        print(row["scan"], row["status"], result.reason or "", flush=True)
    return dict(json.loads(kept.read_text(encoding="utf-8")))


COLUMNS = ("brain_dice", "brain_volume_error", "tissue_dice", "ventricle_dice")
VOLUMES = ("brain_cm3", "grey_cm3", "white_cm3", "csf_cm3", "ventricles_cm3", "deep_grey_cm3", "infratentorial_cm3")


def table(rows: list[Row]) -> list[str]:
    """Markdown: scans with truth by Dice of the brain or the ventricles, the worst first; then the others."""
    judged = sorted((r for r in rows if "ventricle_dice" in r), key=lambda r: r.get("brain_dice", r["ventricle_dice"]))
    lines = [
        "| scan | status | brain Dice | volume error | tissue Dice | ventricles' Dice | ventricles, cm3 | true |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in judged:
        cells = [f"{row[name]:.3f}" if name in row else "n/a" for name in COLUMNS]
        cells += [f"{row[name]:.0f}" for name in ("ventricles_cm3", "true_ventricles_cm3")]
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
        "| scan | status | "
        + " | ".join(name[:-4].replace("_", " ") for name in VOLUMES)
        + " | doubtful | s | peak GB |",
    ]
    lines.append("|---" * (len(VOLUMES) + 5) + "|")
    for row in rows:
        cells = [f"{row[name]:.0f}" if name in row else "n/a" for name in VOLUMES]
        last = f"{row['doubtful']:.3f} | {row['seconds']:.0f} | {row['peak_gb']:.1f}"
        lines.append(f"| {row['scan']} | {row['status']} | " + " | ".join(cells) + f" | {last} |")
    return lines


def pages(rows: list[Row], scratch: Path, out: Path) -> list[str]:
    """One picture for each set that may be shown, its scans in the order of the names; the lines that show them."""
    lines = []
    for name, credit in SHOWN.items():
        scans = [str(row["scan"]) for row in rows if str(row["scan"]).startswith(name)]
        if scans:
            page = np.concatenate([np.asarray(Picture.open(scratch / f"{scan}.png")) for scan in scans])
            path = out.parent / "images" / f"brain_{name}.jpg"
            Picture.fromarray(page).save(path, quality=60)
            lines += ["", f"![{name}](images/{path.name})", "", f"From the top: {', '.join(scans)}. {credit}."]
    return lines


def main() -> None:
    parser = scan_arguments(__doc__, (*HELD_OUT, *OTHERS))
    parser.add_argument("--held-out-model", type=Path, help="a state of the fit that knew none of the held-out heads")
    parser.add_argument("--left-out-slices", type=Path, help="thick-01.onnx to thick-03.onnx: fits without that scan")
    parser.add_argument("--ct", type=Path, help=f"a NIfTI of {DICOM_CT}, its tilt corrected")
    parser.add_argument("--scratch", type=Path, default=ROOT / "build/brain_accuracy")
    parser.add_argument("--backwards", action="store_true", help="for a second process that meets the first")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    model = read_brain_model(arguments.model)
    blind = read_brain_model(arguments.held_out_model) if arguments.held_out_model else None
    scans = cases(arguments.real, tuple(arguments.older), arguments.ct, HELD_OUT if blind else ())

    def row(case: Case) -> Row:
        used = blind if blind and "held out" in case.kind else model
        if case.ventricles and arguments.left_out_slices:
            slices = open_network(arguments.left_out_slices / f"thick-{case.name[-2:]}.onnx")
            used, case = replace(model, slices=slices), replace(case, kind="thick FLAIR, left out")
        return measure(case, used, arguments.scratch)

    for case in reversed(scans) if arguments.backwards else scans:
        row(case)
    if arguments.out:
        rows = [row(case) for case in scans]
        lines = [HEADING, *table(rows), "", *pages(rows, arguments.scratch, arguments.out)]
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def scan_arguments(description: str | None, older: tuple[str, ...]) -> argparse.ArgumentParser:
    """A command line that says which scans and networks are taken, and where the page goes; older: heads by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--real", type=Path, default=Path(os.environ.get("ANGIOLITH_REAL_DATA", ROOT.parent / "shared/real"))
    )
    parser.add_argument("--model", type=Path, default=ROOT / "resources/brain_model")
    parser.add_argument("--older", nargs="*", default=older)
    parser.add_argument("--out", type=Path)
    return parser


HEADING = """# Brain and ventricles on real scans

`make validate-brain` writes this page. Brain: everything within the dura. Truth on older adults: regions by MUSE on the
T1w (silver), moved to the FLAIR rigidly; on thick slices: ventricles drawn by hand. The networks were fitted on all 12
older adults. Rows of 03, 06, 09 and 12 that say "held out" are of the state of the fit that knew the other eight alone
(`resources/brain_model/README.md`). Seconds: CPU, one thread; peak: memory of the process until then, which
held other scans before. Brain-extracted scans (low_load, stroke_wmh, ms_patient) keep the brain that they came with.
Rows of thick slices are of a network of slices that was fitted on the other two scans; how it is fitted was settled on
the same three. Slabs, T2*, infarcts and tumours: [simulated](brain_simulated.md).
"""


if __name__ == "__main__":
    main()
