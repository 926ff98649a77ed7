"""The atlas of the brain's lobes in MNI152, from labelled real heads.

    python -m training.lobe_atlas ../shared/real/older_adults resources/lobe_atlas/lobes.nii.gz

Every head's T1w is registered to the template as a session's is (`angiolith.brain.template`), with tissues from its own
labels (MUSE). White matter of the lobes, deep structures, brainstem and cerebellum are carried onto the template by
nearest neighbour, each voxel takes the region that most heads have there, and what no head labels takes that of the
nearest voxel. Four heads (`validation.brain.HELD_OUT`) take no part: the atlas is judged on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

import numpy as np
from scipy import ndimage

from angiolith.brain.segment import TISSUES, BrainSegmentation
from angiolith.brain.template import TemplateResult, load_template, register_to_template
from angiolith.core.images import Image, read_image, read_mri, resample, write_image
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import OK
from angiolith.small_vessel.location.lobes import REGIONS
from training.brain_labels import MUSE

HELD_OUT = ("sub-03", "sub-06", "sub-09", "sub-12")
ATLAS_MM = 2
DEEP_GREY = ("thalamus", "caudate", "putamen", "pallidum", "ventral_diencephalon")
INFRATENTORIAL = ("cerebellar_cortex", "cerebellar_white", "brainstem")
# MUSE labels of the regions: white matter of the lobes; fornix, internal capsule and corpus callosum are deep
MUSE_REGIONS = {
    "frontal": (81, 82),
    "occipital": (83, 84),
    "parietal": (85, 86),
    "temporal": (87, 88),
    "deep_structures": (*range(89, 96), *(label for name in DEEP_GREY for label in MUSE[name])),
    "infratentorial": tuple(label for name in INFRATENTORIAL for label in MUSE[name]),
}


def region_map(muse: np.ndarray) -> np.ndarray:
    """REGIONS by voxel of MUSE labels, 0 elsewhere."""
    table = np.zeros(256, np.uint8)
    for name, labels in MUSE_REGIONS.items():
        table[list(labels)] = REGIONS[name]
    return table[muse]


def tissues_of(muse: np.ndarray) -> np.ndarray:
    """The networks' tissues (TISSUES) by voxel of MUSE labels."""
    table = np.zeros(256, np.uint8)
    for name, tissue in (("cortex", "grey"), ("hippocampus_amygdala", "grey"), ("white", "white"), ("csf", "csf")):
        table[list(MUSE[name])] = TISSUES[tissue]
    table[list(MUSE["ventricles"])] = TISSUES["ventricles"]
    for names, tissue in ((DEEP_GREY, "deep_grey"), (INFRATENTORIAL, "infratentorial")):
        table[[label for name in names for label in MUSE[name]]] = TISSUES[tissue]
    return table[muse]


def way_of(t1w: Image, muse: Image) -> TemplateResult:
    """The way of one head to the template, by its labels' tissues."""
    tissues = tissues_of(muse.data.astype(int))
    volumes = {"brain": float((tissues > 0).sum()) * muse.voxel_volume_mm3 / 1000}
    found = BrainSegmentation(tissues > 0, tissues, volumes, True, 0.0, OK, None)
    way = register_to_template(t1w, found, False, RigidSettings(), TemplateReviewSettings())
    print(f"match {way.match:.3f}, overlap {way.overlap:.3f}, {way.status}", flush=True)
    return way


def on_template(t1w: Image, muse: Image) -> np.ndarray:
    """Regions of one head on the template's grid."""
    way = way_of(t1w, muse)
    regions = muse.with_data(region_map(muse.data.astype(int)))
    return resample(regions, load_template(ATLAS_MM)[0], way.template_to_reference, "nearest").data.astype(np.uint8)


def voted(heads: list[np.ndarray], labels: Collection[int]) -> np.ndarray:
    """The label that most heads have, everywhere: the nearest where no head has one."""
    votes = np.stack([sum((head == value).astype(np.uint8) for head in heads) for value in labels])
    known = votes.max(axis=0) > 0
    regions = np.array(list(labels), np.uint8)[votes.argmax(axis=0)]
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(regions[tuple(nearest)], np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="the folder older_adults")
    parser.add_argument("out", type=Path)
    parser.add_argument("--kept", type=Path, default=Path("build/lobes"), help="heads that were registered already")
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    heads = []
    for path in sorted(given.heads.glob("*_desc-muse_dseg.nii.gz")):
        name = path.name.split("_")[0]
        if name in HELD_OUT:
            continue
        kept = given.kept / f"{name}.npy"
        if not kept.is_file():
            print(name, flush=True)
            np.save(kept, on_template(read_mri(given.heads / f"{name}_T1w.nii.gz"), read_image(path)))
        heads.append(np.load(kept))
    template, brain = load_template(ATLAS_MM)
    regions = voted(heads, REGIONS.values())
    regions[~ndimage.binary_dilation(brain.data, iterations=3)] = 0
    write_image(regions, template.affine, given.out)


if __name__ == "__main__":
    main()
