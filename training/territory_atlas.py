"""The atlas of arterial territories in MNI152, from labelled real heads and published territories of the gyri.

    python -m training.territory_atlas ../shared/real/older_adults resources/territory_atlas/territories.nii.gz

Every head's T1w is registered to the template as a session's is. Its gyri (MUSE labels) have the artery that usually
supplies them, white matter of the lobes that of the nearest gyrus: the medullary arteries run from the cortex towards
the ventricles. Basal ganglia, thalamus and internal capsule are the perforating arteries'. On the template each voxel
takes the territory that most heads have there. Four heads take no part: the atlas is judged on them.

Usual territories: Tatu 1998 (Neurology 50:1699), Tatu 2012 (Front Neurol Neurosci 30:99). How far they vary: van der
Zwan 1992 (J Neurosurg 77:927).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage

from angiolith.brain.template import load_template
from angiolith.core.images import Image, read_image, read_mri, resample, write_image
from angiolith.small_vessel.location.lobes import TERRITORIES
from training.brain_labels import MUSE
from training.lobe_atlas import ATLAS_MM, DEEP_GREY, HELD_OUT, INFRATENTORIAL, voted, way_of

# MUSE labels (right, left) of the gyri by the artery that usually supplies them
GYRI = {
    "aca": {
        "anterior cingulate": (100, 101), "middle cingulate": (138, 139), "posterior cingulate": (166, 167),
        "frontal pole": (120, 121), "gyrus rectus": (124, 125), "medial frontal cortex": (140, 141),
        "medial orbital": (146, 147), "postcentral, medial": (148, 149), "precentral, medial": (150, 151),
        "superior frontal, medial": (152, 153), "precuneus": (168, 169), "subcallosal": (186, 187),
        "superior frontal": (190, 191), "supplementary motor cortex": (192, 193),
    },
    "mca": {
        "anterior insula": (102, 103), "anterior orbital": (104, 105), "angular": (106, 107),
        "central operculum": (112, 113), "frontal operculum": (118, 119), "lateral orbital": (136, 137),
        "middle frontal": (142, 143), "middle occipital": (144, 145), "middle temporal": (154, 155),
        "inferior frontal, opercular": (162, 163), "inferior frontal, orbital": (164, 165),
        "posterior insula": (172, 173), "parietal operculum": (174, 175), "postcentral": (176, 177),
        "posterior orbital": (178, 179), "planum polare": (180, 181), "precentral": (182, 183),
        "planum temporale": (184, 185), "supramarginal": (194, 195), "superior parietal": (198, 199),
        "superior temporal": (200, 201), "temporal pole": (202, 203), "inferior frontal, triangular": (204, 205),
        "transverse temporal": (206, 207), "amygdala": (31, 32),
    },
    "pca": {
        "calcarine": (108, 109), "cuneus": (114, 115), "entorhinal": (116, 117), "fusiform": (122, 123),
        "inferior occipital": (128, 129), "inferior temporal": (132, 133), "lingual": (134, 135),
        "occipital pole": (156, 157), "occipital fusiform": (160, 161), "parahippocampal": (170, 171),
        "superior occipital": (196, 197), "hippocampus": (47, 48),
    },
}  # fmt: skip
# gyri that the border of two territories usually crosses, or that either of two arteries supplies
SHARED = (
    *("superior frontal", "frontal pole", "medial orbital", "precuneus", "posterior cingulate", "superior parietal"),
    *("middle occipital", "superior occipital", "inferior occipital", "inferior temporal", "occipital pole"),
)
CAPSULE_FORNIX, CALLOSUM, LOBES = range(89, 95), 95, range(81, 89)
SPLENIUM_PART = 0.25  # the hindmost part of the corpus callosum's length, supplied by the posterior cerebral artery


def gyri(of: tuple[str, ...] | None = None) -> dict[int, int]:
    """Territory by MUSE label of the cortex; `of`: of these gyri alone."""
    return {
        label: TERRITORIES[artery]
        for artery, names in GYRI.items()
        for name, labels in names.items()
        if of is None or name in of
        for label in labels
    }


def territory_map(muse: Image) -> np.ndarray:
    """TERRITORIES by voxel of a head's MUSE labels, 0 elsewhere (cortex, white matter and deep structures have one)."""
    labels = muse.data.astype(int)
    cortex = np.zeros(256, np.uint8)
    for label, territory in gyri().items():
        cortex[label] = territory
    found = cortex[labels]
    white = np.isin(labels, list(LOBES))
    found[white] = nearest(found, muse.voxel_mm)[white]
    deep = [*CAPSULE_FORNIX, *(label for name in DEEP_GREY for label in MUSE[name])]
    found[np.isin(labels, deep)] = TERRITORIES["perforators"]
    found[np.isin(labels, [label for name in INFRATENTORIAL for label in MUSE[name]])] = TERRITORIES["infratentorial"]
    callosum = labels == CALLOSUM
    if callosum.any():
        y = (np.indices(labels.shape).reshape(3, -1).T @ muse.affine[:3, :3].T)[:, 1].reshape(labels.shape)
        behind = y < np.quantile(y[callosum], SPLENIUM_PART)
        found[callosum] = np.where(behind, TERRITORIES["pca"], TERRITORIES["aca"])[callosum]
    return found


def nearest(labels: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """The label of the nearest voxel that has one."""
    index = ndimage.distance_transform_edt(labels == 0, voxel_mm, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(index)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="the folder older_adults")
    parser.add_argument("out", type=Path)
    parser.add_argument("--lobes", type=Path, default=Path("resources/lobe_atlas/lobes.nii.gz"))
    parser.add_argument("--kept", type=Path, default=Path("build/territories"), help="heads that are done already")
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    template, brain = load_template(ATLAS_MM)
    heads = []
    for path in sorted(given.heads.glob("*_desc-muse_dseg.nii.gz")):
        name = path.name.split("_")[0]
        if name in HELD_OUT:
            continue
        kept = given.kept / f"{name}.npy"
        if not kept.is_file():
            muse = read_image(path)
            way = way_of(read_mri(given.heads / f"{name}_T1w.nii.gz"), muse)
            territories = muse.with_data(territory_map(muse))
            np.save(kept, resample(territories, template, way.template_to_reference, "nearest").data.astype(np.uint8))
        heads.append(np.load(kept))
    found = voted(heads, TERRITORIES.values())
    below = read_image(given.lobes).data == TERRITORIES["infratentorial"]
    found[below] = TERRITORIES["infratentorial"]  # as the atlas of the lobes has it: one volume for both
    above = (found == TERRITORIES["infratentorial"]) & ~below
    found[above] = nearest(np.where(found == TERRITORIES["infratentorial"], 0, found), np.ones(3))[above]
    found[~ndimage.binary_dilation(brain.data, iterations=3)] = 0
    write_image(found, template.affine, given.out)


if __name__ == "__main__":
    main()
