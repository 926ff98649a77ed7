"""Where spots lie, beside labelled real heads: docs/location_accuracy.md.

    python -m validation.location --real ../shared/real --out docs/location_accuracy.md

On T1w of older adults, the place (lobar, deep, infratentorial) of random points of brain tissue is found by the
networks' tissues, and compared with that by the head's own 145 labels (MUSE). The networks were fitted on these heads,
among others. The region of points of white matter, deep structures, brainstem and cerebellum is found by the atlas of
the lobes, which these heads took no part in, through each head's own registration to the template; so is the arterial
territory, whose truth is the rule by the head's own gyri. Beside it, the atrophy of two visits of one person.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
from angiolith.small_vessel.location.lobes import REGIONS, TERRITORIES, regions_on
from angiolith.small_vessel.location.places import DEEP, INFRATENTORIAL, LOBAR, PLACES, place_of
from training.brain_labels import MUSE
from training.lobe_atlas import region_map
from training.territory_atlas import SHARED, gyri, nearest, territory_map
from validation import brain

HEADS = tuple(f"sub-{number}" for number in brain.HELD_OUT)
DEEP_NAMES = ("thalamus", "caudate", "putamen", "pallidum", "ventral_diencephalon")
CAPSULE_CALLOSUM = (89, 90, 91, 92, 93, 94, 95)  # MUSE labels of the internal capsule and the corpus callosum
DEEP_LABELS = (*CAPSULE_CALLOSUM, *(label for name in DEEP_NAMES for label in MUSE[name]))
INFRATENTORIAL_LABELS = (*MUSE["cerebellar_cortex"], *MUSE["cerebellar_white"], *MUSE["brainstem"])
FLUID_LABELS = (*MUSE["csf"], *MUSE["ventricles"])
WHITE_LABELS = range(81, 89)  # of the lobes
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


def carried(name: str, folder: Path, kept: Path) -> dict[str, np.ndarray]:
    """Both atlases on the grid of one head's T1w, through its own registration; kept in the folder."""
    file = kept / f"{name}_atlases.npz"
    if not file.is_file():
        path = folder / f"{name}_T1w.nii.gz"
        tissues = tissues_of(path, kept)
        brain_mask = tissues.data > 0
        volumes = {"brain": float(brain_mask.sum()) * tissues.voxel_volume_mm3 / 1000}
        found = BrainSegmentation(brain_mask, tissues.data, volumes, True, 0.0, OK, None)
        way = register_to_template(read_mri(path), found, False, RigidSettings(), TemplateReviewSettings())
        atlases = {"regions": "lobe_atlas/lobes", "territories": "territory_atlas/territories"}
        maps = {
            what: regions_on(
                tissues, read_image(workflow_root() / f"resources/{atlas}.nii.gz"), way.reference_to_template
            )
            for what, atlas in atlases.items()
        }
        np.savez_compressed(file, **maps)
    with np.load(file) as content:
        return dict(content)


def regions_compared(name: str, folder: Path, kept: Path, what: str, regions: Mapping[str, int]) -> pd.DataFrame:
    """True and found region of random points of one head, and whether a point is white matter near the ventricles.

    what: "regions" (REGIONS) or "territories" (TERRITORIES; points are of white matter and deep structures alone, where
    WMH lie; `shared`: the nearest gyrus is one that two arteries may supply).
    """
    found = carried(name, folder, kept)[what]
    muse = read_image(folder / f"{name}_space-T1w_desc-muse_dseg.nii.gz")
    labels = muse.data.astype(int)
    white = np.isin(labels, list(WHITE_LABELS))
    if what == "regions":
        truth, shared = region_map(labels), np.zeros(labels.shape, bool)
    else:
        truth = np.where(np.isin(labels, MUSE["cortex"]), 0, territory_map(muse))
        cortex = np.where(np.isin(labels, list(gyri())), labels, 0)
        shared = white & np.isin(nearest(cortex, muse.voxel_mm), list(gyri(SHARED)))
    ventricles = np.isin(labels, MUSE["ventricles"])
    near = ndimage.distance_transform_edt(~ventricles, sampling=muse.voxel_mm) <= PlaceSettings().periventricular_mm
    rng = np.random.default_rng(SEED)
    names = {value: region for region, value in regions.items()} | {0: ""}
    rows = []
    for region, value in regions.items():
        voxels = np.argwhere(truth == value)
        for voxel in map(tuple, voxels[rng.choice(len(voxels), N_POINTS_OF_REGION, replace=False)]):
            lobar = bool(near[voxel]) and bool(white[voxel])
            rows.append((name, region, names[int(found[voxel])], lobar, bool(shared[voxel])))
    table = pd.DataFrame(rows, columns=["head", "truth", "found", "near", "shared"])
    table.attrs["part shared"] = float(shared.sum() / white.sum())
    parts = {region: float((truth == value)[white].mean()) for region, value in regions.items()}
    table.attrs["part of white matter"] = parts
    return table


def crossed(table: pd.DataFrame, regions: Mapping[str, int], what: str) -> list[str]:
    """A Markdown table of true and found regions, and a line with the fraction of right ones."""
    counts = pd.crosstab(table["truth"], table["found"]).reindex(
        index=list(regions), columns=[*regions, ""], fill_value=0
    )
    right = table["truth"] == table["found"]
    by_head = right.groupby(table["head"]).mean()
    shown = [name.upper() if len(name) == 3 else name.replace("_", " ") for name in regions]
    return [
        f"| {what} | {' | '.join(f'found {name}' for name in shown)} | found none |",
        f"|---|{'---|' * (len(shown) + 1)}",
        *(
            f"| {label} | {' | '.join(str(value) for value in counts.loc[name])} |"
            for label, name in zip(shown, regions, strict=True)
        ),
        "",
        f"Right: {100 * right.mean():.1f} % of all points; by head "
        f"{', '.join(f'{100 * value:.1f} %' for value in by_head)}. Of the lobes' white matter within "
        f"{PlaceSettings().periventricular_mm:g} mm of the ventricles, where most WMH lie: "
        f"{100 * right[table['near']].mean():.1f} %.",
    ]


def regions_section(table: pd.DataFrame) -> list[str]:
    """Lines of the page on the atlas of the lobes."""
    return [
        "",
        "## WMH by region",
        "",
        "The atlas of the lobes (`resources/lobe_atlas`) was made of eight other older adults of the same set. It is "
        "carried onto the head by the session's own registration to the template. Truth: MUSE labels of the lobes' "
        f"white matter, deep structures, brainstem and cerebellum; {N_POINTS_OF_REGION} random points of each region "
        "and head.",
        "",
        *crossed(table, REGIONS, "region by the labels"),
        "",
        "Limits: the borders between lobes within white matter are a convention of the labels.",
    ]


def territories_section(tables: list[pd.DataFrame]) -> list[str]:
    """Lines of the page on the atlas of arterial territories."""
    table = pd.concat(tables)
    right = table["truth"] == table["found"]
    parts = pd.DataFrame([each.attrs["part of white matter"] for each in tables]).mean()
    shared = np.mean([each.attrs["part shared"] for each in tables])
    cortical = ", ".join(f"{name.upper()} {100 * parts[name]:.0f} %" for name in ("aca", "mca", "pca"))
    return [
        "",
        "## WMH by arterial territory",
        "",
        "No atlas of infarcts or perfusion was at hand, and the open one (Liu 2023, CC BY-SA 4.0) asks "
        "that what holds it be shared alike. So the territories follow a rule. Each gyrus has the artery that usually "
        "supplies it (Tatu 1998, 2012), white matter of the lobes that of the nearest gyrus, since the medullary "
        "arteries run from the cortex towards the ventricles. Basal ganglia, thalamus and internal capsule are the "
        "perforating arteries'. The atlas (`resources/territory_atlas`) is the vote of eight older adults.",
        "",
        "What is measured here is how well the atlas is carried. Truth: the same rule by the head's own gyri, on the "
        f"four other heads; {N_POINTS_OF_REGION} random points of white matter and deep structures of each territory "
        "and head.",
        "",
        *crossed(table, TERRITORIES, "territory by the head's own gyri"),
        "",
        f"The lobes' white matter is by this rule: {cortical}. {100 * shared:.0f} % of it belongs to gyri that the "
        "border of two territories usually crosses, or that either artery supplies (`SHARED` in "
        f"`training/territory_atlas.py`). Right of the points there: {100 * right[table['shared']].mean():.1f} %.",
        "",
        "Limits: **whose artery supplies a person's white matter is not measured.** Territories vary: of 50 injected "
        "hemispheres, the ACA's had 26 variants, the MCA's 17 and the PCA's 22 (van der Zwan 1992), and a fetal PCA "
        "or a missing A1 moves them. White matter beside the body of the lateral ventricles, which the perforating "
        "arteries reach in part, is given to the gyri's arteries. The volumes serve comparisons between groups. They "
        "do not say which artery a person's lesion is of.",
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
    folder = given.real / "older_adults"
    regions = pd.concat([regions_compared(name, folder, given.kept, "regions", REGIONS) for name in HEADS])
    territories = [regions_compared(name, folder, given.kept, "territories", TERRITORIES) for name in HEADS]
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
        *territories_section(territories),
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
