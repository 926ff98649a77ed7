"""WMH beside truth: `make validate-wmh` writes docs/small_vessel_accuracy.md.

    python -m validation.small_vessel --heads build/heldout --random 10 --scratch build/wmh --out docs/...

Four kinds of scans, none of which anything was fitted on: heads of the demo's generator (`--heads`, with bids/ and
truth/), through the registration and segmentation of the workflow; randomised FLAIRs of `--random` heads, five scans of
each, over a grid of loads (1 to 128 cm3) and slices (1 to 8 mm), half of them brain-extracted, with lesions, contrast,
shading, noise and errors of the template's maps drawn anew for each scan (training/flairs.py, another seed); the real
scans with experts' masks (tests/real_data.py), where they are at hand; and one of these with lesions drawn into it
(validation/implants.py), over the same loads and slices. Beside each: the best that any single threshold of the
shading-corrected FLAIR within the brain reaches, chosen with the truth in hand.

Cases and rows are kept in the scratch folder, so that a run that was cut goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import register_to_template
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, bounding_box, crop, read_image, resample
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.core.tables import FAILED
from angiolith.registration.rigid import register_rigid
from angiolith.small_vessel.tissues import TissueError, onto, template_prior
from angiolith.small_vessel.wmh.posterior import Model, read_model
from angiolith.small_vessel.wmh.segment import prepare_brain, segment_wmh
from phantoms.head import Head
from tests.real_data import REAL, ROOT
from training.flairs import draw_head, draw_state, scan_of
from validation.compare import TEMPLATE_NOTE, markdown
from validation.implants import Case, thicker, with_lesions

WMH, RIGID, TEMPLATE = WmhSegmentSettings(), RigidSettings(), TemplateReviewSettings()
NAMES = ("wm", "gm", "ventricles")
SEED = 4022  # neither the training's (7) nor that of the heads that settings were chosen on (4021)
RANDOM_LOADS_CM3 = (1, 4, 16, 64, 128)
RANDOM_SLICES_MM = (1, 2, 3, 5, 8)
LOADS_CM3 = [0.0, 2.0, 5.0, 15.0, 1000.0]
IMPLANT_SEED = 90417
IMPLANT_LOADS_CM3 = (3, 15, 60, 100)


@lru_cache(1)
def brain_model() -> BrainModel:
    return read_brain_model(Path(__file__).parents[1] / "resources/brain_model")


def registered(flair_path: Path, t1w_path: Path | None, truth_path: Path) -> Case:
    """A case as the workflow's jobs make it: reference to template, FLAIR to reference, brain and priors on the FLAIR.

    Without a T1w the FLAIR is the reference. Raises ValueError where a registration fails.
    """
    flair = read_image(flair_path)
    reference = read_image(t1w_path) if t1w_path else flair
    found = segment_brain(reference, False, brain_model(), BrainSettings())
    if found.status == FAILED:
        raise ValueError(found.reason)
    template = register_to_template(reference, found, False, RIGID, TEMPLATE)
    to_reference = sitk.Transform(3, sitk.sitkIdentity)
    if t1w_path:
        rigid = register_rigid(reference, flair, RIGID)
        if rigid.status == FAILED:
            raise ValueError(rigid.reason)
        to_reference = rigid.transform.GetInverse()
    brain = resample(reference.with_data(found.brain.astype(np.float32)), flair, to_reference).data > 0.5
    way = sitk.CompositeTransform([template.reference_to_template, to_reference])
    box = bounding_box(brain)
    part = crop(flair, box)
    priors = dict(zip(NAMES, onto([template_prior(name) for name in NAMES], part, way), strict=True))
    whole = read_image(truth_path).data > 0.5
    truth = whole[box]
    if whole.sum() != truth.sum():
        print(f"{truth_path.name}: {whole.sum() - truth.sum()} voxels of truth lie outside the brain's box")
    return part, brain[box], priors, truth


def heads(folder: Path, count: int | None) -> Iterator[tuple[str, Callable[[], Case]]]:
    """First visits of made heads: the first `count`, or all."""
    for truth in sorted((folder / "truth").glob("*_ses-01_space-FLAIR_wmh.nii.gz"))[:count]:
        stem = truth.name.removesuffix("_space-FLAIR_wmh.nii.gz")
        anat = folder / "bids" / stem.replace("_", "/") / "anat"
        yield stem, lambda a=anat, s=stem, t=truth: registered(a / f"{s}_FLAIR.nii.gz", a / f"{s}_T1w.nii.gz", t)


def randomised(count: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Randomised scans of `count` heads of another seed than the training's, with its errors of the priors.

    Each head has all loads, each on slices of another thickness: five heads make the whole grid. The load, the contrast
    and all that the scanner does are drawn anew for each scan; only the head is the same.
    """
    for number in range(count):

        @lru_cache(maxsize=1)
        def head(number: int = number) -> Head:  # made once, when its first scan is wanted
            return draw_head(np.random.default_rng([SEED, number]))

        def scan(load_cm3: int, slice_mm: int, number: int = number, head: Callable[[], Head] = head) -> Case:
            rng = np.random.default_rng([SEED, number, load_cm3])
            state = draw_state(rng, head(), load_cm3, keep_load=True)
            made = scan_of(rng, state, slice_mm, extracted=bool((number + load_cm3) % 2))
            box = bounding_box(made.brain)
            priors = {name: made.priors[name][box] for name in NAMES}
            return crop(made.flair, box), made.brain[box], priors, made.truth[box]

        for k, load_cm3 in enumerate(RANDOM_LOADS_CM3):
            slice_mm = RANDOM_SLICES_MM[(k + number) % len(RANDOM_SLICES_MM)]
            yield f"random-{number}-{load_cm3}cm3-{slice_mm}mm", partial(scan, load_cm3, slice_mm)


@lru_cache(maxsize=1)
def patient07() -> Case:
    folder = REAL / "ms_patient07"
    return registered(folder / "FLAIR.nii.gz", folder / "T1.nii.gz", folder / "lesions_consensus.nii.gz")


def real() -> Iterator[tuple[str, Callable[[], Case]]]:
    """Real scans with an expert's mask, with and without the T1w."""
    folder = REAL / "ms_patient07"
    if folder.is_dir():
        yield "ms_patient07", patient07
        flair, truth = folder / "FLAIR.nii.gz", folder / "lesions_consensus.nii.gz"
        yield "ms_patient07 FLAIR alone", lambda: registered(flair, None, truth)


def implanted() -> Iterator[tuple[str, Callable[[], Case]]]:
    """The real scan with an expert's mask, with lesions drawn into it, on slices of every thickness."""
    if not (REAL / "ms_patient07").is_dir():
        return
    for load_cm3 in IMPLANT_LOADS_CM3:
        for slice_mm in RANDOM_SLICES_MM:  # its voxels are of 1 mm

            def scan(load_cm3: int = load_cm3, slice_mm: int = slice_mm) -> Case:
                return thicker(with_lesions(patient07(), load_cm3, IMPLANT_SEED + slice_mm), slice_mm)

            yield f"implanted-{load_cm3}cm3-{slice_mm}mm", scan


def kept(path: Path, make: Callable[[], Case]) -> Case:
    """The case, made once: registration takes the most time and does not hang on the model."""
    if not path.exists():
        flair, brain, priors, truth = make()
        maps = {name: prior.astype(np.float16) for name, prior in priors.items()}
        np.savez_compressed(path, flair=flair.data, affine=flair.affine, brain=brain, truth=truth, **maps)
    with np.load(path) as file:
        priors = {name: file[name].astype(np.float32) for name in NAMES}
        return Image(file["flair"], file["affine"]), file["brain"], priors, file["truth"]


def row_of(case: Case, model: Model) -> dict[str, Any]:
    """Overlap, volumes and lesions of one case, and what the best single threshold reaches."""
    flair, brain, priors, truth = case
    voxel_cm3 = flair.voxel_volume_mm3 / 1000
    row = {"slice_mm": float(flair.voxel_mm.max()), "true_cm3": float(truth.sum() * voxel_cm3)}
    try:
        found = segment_wmh(flair, brain, priors, model, WMH)
        mask, row["reason"] = found.mask, found.reason
        level = prepare_brain(flair, brain, priors, WMH).flair.data
    except TissueError as problem:  # counts as nothing found
        mask, row["reason"], level = np.zeros(truth.shape, bool), str(problem), flair.data
    row |= {"dice": dice(mask, truth), "oracle_dice": oracle_dice(level, brain, truth)}
    row |= {"found_cm3": float(mask.sum() * voxel_cm3), "error_percent": 100 * (mask.sum() / truth.sum() - 1)}
    return row | {"sensitivity": share_met(truth, mask), "ppv": share_met(mask, truth)}


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * float((first & second).sum()) / max(1, int(first.sum()) + int(second.sum()))


def oracle_dice(level: np.ndarray, brain: np.ndarray, truth: np.ndarray) -> float:
    """The highest Dice of any single threshold within the brain, of 120 between the 70th and the 99.95th percentile."""
    levels, lesions = np.sort(level[brain]), np.sort(level[brain & truth])
    thresholds = np.percentile(levels, np.linspace(70, 99.95, 120))
    above, right = (len(values) - np.searchsorted(values, thresholds) for values in (levels, lesions))
    return float((2 * right / (above + truth.sum())).max())


def share_met(lesions: np.ndarray, other: np.ndarray) -> float:
    """Share of the 26-connected lesions of the first mask that the second overlaps; NaN without lesions."""
    labels, count = ndimage.label(lesions, NEIGHBOURS_26)
    return len(np.setdiff1d(np.unique(labels[other]), [0])) / count if count else float("nan")


def measured(cases: Iterator[tuple[str, Callable[[], Case]]], model: Model, scratch: Path) -> pd.DataFrame:
    """A row per case; those in the scratch folder are not measured again."""
    rows = []
    for name, make in cases:
        path = scratch / f"{name}.json"
        if not path.exists():
            try:
                row = row_of(kept(scratch / f"{name}.npz", make), model)
            except ValueError as problem:
                row = {"dice": 0.0, "reason": str(problem)}
            path.write_text(json.dumps(row))
            print(name, row, flush=True)
        rows.append({"scan": name, **json.loads(path.read_text())})
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame, by: pd.Series | None = None) -> str:
    """Mean and lowest Dice, oracle, volume error and lesion rates, by group."""
    groups = rows.groupby(by, observed=True) if by is not None else [("all", rows)]
    lines = [
        {
            "group": str(name),
            "scans": len(part),
            "Dice": part.dice.mean(),
            "lowest": part.dice.min(),
            "at zero": int((part.dice == 0).sum()),
            "oracle threshold": part.oracle_dice.mean(),
            "median volume error %": part.error_percent.median(),
            "median absolute %": part.error_percent.abs().median(),
            "lesion sensitivity": part.sensitivity.mean(),
            "lesion PPV": part.ppv.mean(),
        }
        for name, part in groups
    ]
    return markdown(pd.DataFrame(lines))


def dice_grid(rows: pd.DataFrame, wanted: pd.DataFrame) -> str:
    """Mean Dice of each load and thickness, and in brackets what the oracle threshold reaches."""
    means = rows.groupby([wanted.load, wanted.slices])[["dice", "oracle_dice"]].mean()
    cells = means.dice.map("{:.2f}".format) + " (" + means.oracle_dice.map("{:.2f}".format) + ")"
    return markdown(cells.unstack().rename_axis(None, axis=1).reset_index())


def wanted_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Load (cm3) and slices (mm) of made scans, from their names."""
    return rows.scan.str.extract(r"-(?P<load>\d+)cm3-(?P<slices>\d+)mm").astype(int)


def report(heads_: pd.DataFrame, random: pd.DataFrame, people: pd.DataFrame, drawn: pd.DataFrame, version: str) -> str:
    parts = [
        "# Accuracy of the WMH masks",
        (__doc__ or "").split("\n\n")[2].replace("\n", " "),
        TEMPLATE_NOTE,
        f"Model: {version}.",
    ]
    if len(heads_):
        loads = pd.cut(heads_.true_cm3, LOADS_CM3)
        parts += [
            "## Heads of the demo's generator, whole way",
            summary(heads_),
            "By load (cm3):",
            summary(heads_, loads),
        ]
    if len(random):
        parts += ["## Randomised FLAIRs", summary(random)]
        wanted = wanted_of(random)
        parts += ["By load (cm3, as drawn; what a thick slice shows of it is less):", summary(random, wanted.load)]
        parts += ["By thickness of the slices (mm):", summary(random, wanted.slices)]
        parts += ["Mean Dice by load (down, cm3) and slices (across, mm), two scans each:", dice_grid(random, wanted)]
    if len(people):
        parts += ["## Real scans", markdown(people.drop(columns="reason").round(3))]
    if len(drawn):
        parts += ["## ms_patient07 with lesions drawn into it", summary(drawn)]
        parts += ["Dice by load drawn (down, cm3) and slices (across, mm):", dice_grid(drawn, wanted_of(drawn))]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--count", type=int, help="only so many of the heads")
    parser.add_argument("--random", type=int, default=10)
    parser.add_argument("--model", type=Path, default=ROOT / "resources/wmh_model/model.json")
    parser.add_argument("--scratch", type=Path, default=Path("build/wmh"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    model = read_model(options.model)
    parts = [
        measured(cases, model, options.scratch)
        for cases in (real(), heads(options.heads, options.count), randomised(options.random), implanted())
    ]
    options.out.write_text(report(parts[1], parts[2], parts[0], parts[3], model.version), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
