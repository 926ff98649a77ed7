"""Brain, ventricles and the template step on heads that are not the template: docs/template_accuracy.md.

    python -m validation.template_step --heads 6 --rows build/template_step.tsv --out docs/template_accuracy.md

Each head is drawn from the phantoms' model of anatomy (`--anatomy template`: from MNI152) with an age of 60 to 90
years, scanned as a T1w of 1 mm, and given to the workflow's own functions: brain networks, then registration to the
template. Rows are kept, so that a run that was cut goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.brain.mni152 import mni152_map
from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import TISSUES, segment_brain
from angiolith.brain.template import register_to_template
from angiolith.core.images import Image, resample
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from phantoms import mri
from phantoms.geometry import apply
from phantoms.head import ANATOMIES, MODEL, Head, make_head
from phantoms.small_vessel import draw_small_vessel
from phantoms.spec import stream
from validation.compare import markdown
from validation.small_vessel import dice

NETWORKS = Path(__file__).parents[1] / "resources/brain_model"
AGES_YEARS = (60.0, 90.0)
WMH_CM3 = 3.0
LANDMARK_BOX_MM = ([-62, -95, -45], [62, 65, 70])  # of MNI152: within the brain
N_LANDMARKS = 600
IN_BRAIN = 0.7  # share of grey and white matter where a landmark counts
LPS = np.array([-1, -1, 1])  # SimpleITK's axes from RAS
LIMITS = (
    "The landmarks' truth is the registration that the model was fitted with (SyN of labels at 3 mm): it is no finer "
    "than that, and overlap of tissue is the better figure. The brain networks were fitted on the eight heads that the "
    "model was fitted on: brain and ventricles here are no independent test of the networks."
)


def drawn_head(seed: int, anatomy_of: str) -> tuple[Head, np.random.Generator]:
    """A head and the stream of its scan."""
    rng = stream(seed, "validation")
    age = rng.uniform(*AGES_YEARS)
    atrophy = float(np.clip((age - 45) / 40 + rng.normal(0, 0.15), 0, 1))
    return make_head(rng, 0.5 + 2.2 * atrophy + rng.normal(0, 0.3), atrophy, None, anatomy_of), rng


def measured(seed: int, anatomy_of: str, model: BrainModel) -> dict[str, Any]:
    """One head's row: volumes and overlaps beside the truth, distance of landmarks."""
    head, rng = drawn_head(seed, anatomy_of)
    state = draw_small_vessel(stream(seed, "sv"), head, WMH_CM3, 0, 0, None, 0, 0)[0]
    pose = mri.session_poses(rng, ["T1w"])["T1w"]
    signal = mri.tissue_signal(rng, head, mri.CONTRASTS["T1w"], state)
    grid = mri.mr_grid("T1w", rng, pose)
    scan = mri.scan_mr(rng, signal, head, grid, pose, mri.CONTRASTS["T1w"].noise)
    image = Image(scan.image.astype(np.float32), grid.affine)
    a = head.anatomy
    parts = {
        "brain": (a.intracranial < 0).astype(np.float32),
        "grey": a.grey,
        "white": a.white,
        "ventricle": a.ventricle,
    }
    true = {name: head.on_grid(part, grid, pose) >= 0.5 for name, part in parts.items()}
    found = segment_brain(image, False, model, BrainSettings())
    way = register_to_template(image, found, False, RigidSettings(), TemplateReviewSettings())
    ventricles = found.tissues == TISSUES["ventricles"]
    cm3 = grid.voxel_mm3 / 1000
    mean_mm, high_mm = _landmark_errors(seed, head, pose, way.template_to_reference)
    grey, white = (resample(mni152_map(name), image, way.reference_to_template).data for name in ("gm", "wm"))
    return {
        "head": seed,
        "anatomy": anatomy_of,
        "true_brain_cm3": float(true["brain"].sum() * cm3),
        "brain_dice": dice(found.brain, true["brain"]),
        "true_ventricles_cm3": float(true["ventricle"].sum() * cm3),
        "ventricles_cm3": float(ventricles.sum() * cm3),
        "ventricles_dice": dice(ventricles, true["ventricle"]),
        "template_status": way.status,
        "match": way.match,
        "grey_dice": dice((grey >= 0.5) & (grey > white), true["grey"]),
        "white_dice": dice((white >= 0.5) & (white > grey), true["white"]),
        "landmarks_mm": mean_mm,
        "landmarks_95th_mm": high_mm,
    }


def _landmark_errors(seed: int, head: Head, pose: np.ndarray, way: sitk.Transform) -> tuple[float, float]:
    """Mean and 95th percentile (mm) of the distance of points of MNI152 from their true places in the image."""
    points = stream(seed, "lm").uniform(*LANDMARK_BOX_MM, (N_LANDMARKS, 3))
    placed = head.to_head(points)
    inside = head.sample(head.anatomy.grey + head.anatomy.white, placed) > IN_BRAIN
    true = apply(pose, placed[inside])
    found = np.array([way.TransformPoint([float(v) for v in point * LPS]) for point in points[inside]]) * LPS
    distance = np.linalg.norm(found - true, axis=1)
    return float(distance.mean()), float(np.percentile(distance, 95))


def report(rows: pd.DataFrame) -> str:
    """The page."""
    parts = [
        "# The template step on heads that are not the template",
        "Written by `python -m validation.template_step`. " + (__doc__ or "").split("\n\n")[2].replace("\n", " "),
        markdown(rows.round(3)),
        LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--anatomy", choices=ANATOMIES, default=MODEL)
    parser.add_argument("--rows", type=Path, required=True, help="table of rows that are done")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    done = pd.read_csv(options.rows, sep="\t").to_dict("records") if options.rows.exists() else []
    model = read_brain_model(NETWORKS)
    for seed in range(1, options.heads + 1):
        if (seed, options.anatomy) not in {(row["head"], row["anatomy"]) for row in done}:
            done.append(measured(seed, options.anatomy, model))
            pd.DataFrame(done).to_csv(options.rows, sep="\t", index=False)
    options.out.write_text(report(pd.DataFrame(done)), encoding="utf-8")


if __name__ == "__main__":
    main()
