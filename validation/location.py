"""Where spots lie, beside labelled real heads: docs/location_accuracy.md.

    python -m validation.location --real ../shared/real --out docs/location_accuracy.md

On T1w of older adults, the place (lobar, deep, infratentorial) of random points of brain tissue is found by the
networks' tissues, and compared with that by the head's own 145 labels (MUSE). The networks were fitted on these heads,
among others. The region of points of white matter, deep structures, brainstem and cerebellum is found by the atlas of
the lobes, which these heads took no part in, through each head's own registration to the template. Beside it, the
atrophy of two visits of one person.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import TISSUES, BrainSegmentation, segment_brain
from angiolith.brain.template import register_to_template
from angiolith.core.images import Image, moved, read_image, read_mri
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import OK
from angiolith.runtime.paths import workflow_root
from angiolith.small_vessel.atrophy.fractions import atrophy
from angiolith.small_vessel.location.lobes import REGIONS, regions_on
from angiolith.small_vessel.location.places import DEEP, INFRATENTORIAL, LOBAR, PLACES, place_of
from training.brain_labels import MUSE
from training.lobe_atlas import region_map
from validation import brain

HEADS = tuple(f"sub-{number}" for number in brain.HELD_OUT)
DEEP_NAMES = ("thalamus", "caudate", "putamen", "pallidum", "ventral_diencephalon")
CAPSULE_CALLOSUM = (89, 90, 91, 92, 93, 94, 95)  # MUSE labels of the internal capsule and the corpus callosum
DEEP_LABELS = (*CAPSULE_CALLOSUM, *(label for name in DEEP_NAMES for label in MUSE[name]))
INFRATENTORIAL_LABELS = (*MUSE["cerebellar_cortex"], *MUSE["cerebellar_white"], *MUSE["brainstem"])
FLUID_LABELS = (*MUSE["csf"], *MUSE["ventricles"])
WHITE_LABELS = range(81, 89)  # of the lobes
LOBES = tuple(REGIONS[name] for name in ("frontal", "parietal", "temporal", "occipital"))
N_POINTS = 400
N_POINTS_OF_REGION = 500
SEED = 5


def true_places(labels: np.ndarray, voxel_mm: np.ndarray, settings: PlaceSettings) -> np.ndarray:
    """Index in PLACES by voxel, -1 outside brain tissue."""
    found = np.full(labels.shape, -1)
    found[(labels > 0) & ~np.isin(labels, FLUID_LABELS)] = PLACES.index(LOBAR)
    ventricles = np.isin(labels, MUSE["ventricles"])
    near = ndimage.distance_transform_edt(~ventricles, sampling=voxel_mm) <= settings.periventricular_mm
    found[np.isin(labels, list(WHITE_LABELS)) & near] = PLACES.index(DEEP)
    found[np.isin(labels, DEEP_LABELS)] = PLACES.index(DEEP)
    found[np.isin(labels, INFRATENTORIAL_LABELS)] = PLACES.index(INFRATENTORIAL)
    return found


def tissues_of(path: Path, kept: Path) -> Image:
    """The brain's tissues of a scan; kept in a folder, so that a run that was cut goes on."""
    image = read_mri(path)
    file = kept / f"{path.parent.name}_{path.name.removesuffix('.nii.gz')}.npz"
    if not file.is_file():
        model = read_brain_model(workflow_root() / "resources/brain_model", 1)
        found = segment_brain(image, False, model, BrainSettings())
        if found.status != OK:
            raise ValueError(f"{path}: {found.reason}")
        np.savez_compressed(file, tissues=found.tissues)
    with np.load(file) as content:
        return image.with_data(content["tissues"])


def compared(name: str, folder: Path, kept: Path) -> pd.DataFrame:
    """True and found place of random points of one head."""
    settings = PlaceSettings()
    tissues = tissues_of(folder / f"{name}_T1w.nii.gz", kept)
    labels = read_image(folder / f"{name}_space-T1w_desc-muse_dseg.nii.gz")
    truth = true_places(labels.data.astype(int), labels.voxel_mm, settings)
    rng = np.random.default_rng(SEED)
    rows = []
    for index, place in enumerate(PLACES):
        voxels = np.argwhere(truth == index)
        chosen = voxels[rng.choice(len(voxels), N_POINTS // len(PLACES), replace=False)]
        for point in moved(labels.affine, chosen):
            rows.append((name, place, place_of(point, tissues, settings)[0]))
    return pd.DataFrame(rows, columns=["head", "truth", "found"])


def regions_compared(name: str, folder: Path, kept: Path) -> pd.DataFrame:
    """True and found region of random points of one head, and whether a point is white matter near the ventricles."""
    path = folder / f"{name}_T1w.nii.gz"
    tissues = tissues_of(path, kept)
    file = kept / f"{name}_regions.npy"
    if not file.is_file():
        brain_mask = tissues.data > 0
        volumes = {"brain": float(brain_mask.sum()) * tissues.voxel_volume_mm3 / 1000}
        found = BrainSegmentation(brain_mask, tissues.data, volumes, True, 0.0, OK, None)
        way = register_to_template(read_mri(path), found, False, RigidSettings(), TemplateReviewSettings())
        atlas = read_image(workflow_root() / "resources/lobe_atlas/lobes.nii.gz")
        np.save(file, regions_on(tissues, atlas, way.reference_to_template))
    regions = np.load(file)
    muse = read_image(folder / f"{name}_space-T1w_desc-muse_dseg.nii.gz")
    labels = muse.data.astype(int)
    truth = region_map(labels)
    ventricles = np.isin(labels, MUSE["ventricles"])
    near = ndimage.distance_transform_edt(~ventricles, sampling=muse.voxel_mm) <= PlaceSettings().periventricular_mm
    rng = np.random.default_rng(SEED)
    names = {value: region for region, value in REGIONS.items()} | {0: ""}
    rows = []
    for region, value in REGIONS.items():
        voxels = np.argwhere(truth == value)
        for voxel in map(tuple, voxels[rng.choice(len(voxels), N_POINTS_OF_REGION, replace=False)]):
            rows.append((name, region, names[int(regions[voxel])], bool(near[voxel]) and value in LOBES))
    return pd.DataFrame(rows, columns=["head", "truth", "found", "near"])


def regions_section(table: pd.DataFrame) -> list[str]:
    """Lines of the page on the atlas of the lobes."""
    counts = pd.crosstab(table["truth"], table["found"]).reindex(
        index=list(REGIONS), columns=[*REGIONS, ""], fill_value=0
    )
    right = table["truth"] == table["found"]
    by_head = right.groupby(table["head"]).mean()
    shown = [name.replace("_", " ") for name in REGIONS]
    return [
        "",
        "## WMH by region",
        "",
        "The atlas of the lobes (`resources/lobe_atlas`) was made of eight other older adults of the same set. It is "
        "carried onto the head by the session's own registration to the template. Truth: MUSE labels of the lobes' "
        f"white matter, deep structures, brainstem and cerebellum; {N_POINTS_OF_REGION} random points of each region "
        "and head.",
        "",
        f"| region by the labels | {' | '.join(f'found {name}' for name in shown)} | found none |",
        f"|---|{'---|' * (len(shown) + 1)}",
        *(
            f"| {label} | {' | '.join(str(value) for value in counts.loc[name])} |"
            for label, name in zip(shown, REGIONS, strict=True)
        ),
        "",
        f"Right: {100 * right.mean():.1f} % of all points; by head "
        f"{', '.join(f'{100 * value:.1f} %' for value in by_head)}. Of the lobes' white matter within "
        f"{PlaceSettings().periventricular_mm:g} mm of the ventricles, where most WMH lie: "
        f"{100 * right[table['near']].mean():.1f} %.",
        "",
        "Limits: the borders between lobes within white matter are a convention of the labels. Vascular territories "
        "are not given: no atlas of them with a licence that allows redistribution was at hand.",
    ]


def visits(folder: Path, kept: Path) -> list[str]:
    """A row of a Markdown table per visit of one person: atrophy by T1w."""
    lines = []
    for path in sorted(folder.glob("*T1W.nii.gz")):
        tissues = tissues_of(path, kept)
        cm3 = tissues.voxel_volume_mm3 / 1000
        volumes = {name: float((tissues.data == value).sum()) * cm3 for name, value in TISSUES.items()}
        volumes["brain"] = float((tissues.data > 0).sum()) * cm3
        values = atrophy({"status": OK, "complete": True, "volumes_cm3": volumes})
        shown = " | ".join(f"{value:.2f}" for value in values.values() if value is not None)
        lines.append(f"| {path.name} | {volumes['brain']:.0f} | {shown} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path("build/location"), help="tissues that were found already")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    table = pd.concat([compared(name, given.real / "older_adults", given.kept) for name in HEADS])
    counts = pd.crosstab(table["truth"], table["found"]).reindex(
        index=list(PLACES), columns=[*PLACES, ""], fill_value=0
    )
    regions = pd.concat([regions_compared(name, given.real / "older_adults", given.kept) for name in HEADS])
    right = float((table["truth"] == table["found"]).mean())
    by_head = (table["truth"] == table["found"]).groupby(table["head"]).mean()
    lines = [
        "# Where spots lie, and atrophy",
        "",
        f"Measured {date.today()} by `python -m validation.location` on the T1w (2 mm) of four older adults. The brain "
        "networks were fitted on them, among others, so heads that they do not know may do worse. Truth: 145 labels "
        "(MUSE, made by a learned tool: silver). "
        f"For every place {N_POINTS // len(PLACES)} random points of brain tissue were taken from each head.",
        "",
        "| place by the labels | found lobar | found deep | found infratentorial | found none |",
        "|---|---|---|---|---|",
        *(f"| {place} | {' | '.join(str(value) for value in counts.loc[place])} |" for place in PLACES),
        "",
        f"Right: {100 * right:.1f} % of all points; by head {', '.join(f'{100 * v:.1f} %' for v in by_head)}.",
        "",
        "Limits: points are of equal number in the three places, which microbleeds are not. Truth calls white matter "
        "deep by the same 10 mm from the ventricles as the tool. The external capsule has no label of its own. No real "
        "microbleeds or lacunes with a reader's place were at hand.",
        *regions_section(regions),
        "",
        "## Atrophy of two visits",
        "",
        "One person (a real whole-head T1w at two visits, slices of 3 to 4 mm; no truth).",
        "",
        "| scan | intracranial cm3 | brain cm3 | brain % | ventricles cm3 | ventricles % | sulcal fluid % |",
        "|---|---|---|---|---|---|---|",
        *visits(given.real / "ms_longitudinal01", given.kept),
    ]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
