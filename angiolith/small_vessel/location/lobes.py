"""WMH by region of the brain and by arterial territory: atlases in MNI152, carried by the template's mapping.

The atlas (`resources/lobe_atlas`) was made of eight labelled older adults: white matter of the four lobes, deep
structures (basal ganglia, thalamus, internal capsule, corpus callosum, fornix), brainstem and cerebellum. Every voxel
of the brain is in one region, that of the nearest of these. That of the territories (`resources/territory_atlas`) was
made of the same heads' gyri and of the arteries that usually supply them (Tatu 1998, 2012).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import Image, resample

# [label] Labels of the atlas. Source: definition.
REGIONS = {"frontal": 1, "parietal": 2, "temporal": 3, "occipital": 4, "deep_structures": 5, "infratentorial": 6}
# [label] Labels of the atlas of arterial territories; infratentorial is that of the lobes. Source: definition.
TERRITORIES = {"aca": 1, "mca": 2, "pca": 3, "perforators": 4, "infratentorial": 6}
MEASURES = tuple(f"wmh_{name}_cm3" for name in (*REGIONS, *(name for name in TERRITORIES if name not in REGIONS)))


def regions_on(grid: Image, atlas: Image, to_template: sitk.Transform) -> np.ndarray:
    """An atlas' regions on the grid of an image.

    Parameters
    ----------
    grid : Image
        Its affine and shape are taken.
    atlas : Image
        Label map of REGIONS, or of TERRITORIES.
    to_template : sitk.Transform
        From points of the image to points of the atlas.

    Returns
    -------
    ndarray of int, shape of the grid
        Labels of the atlas, 0 outside.
    """
    return resample(atlas, grid, to_template, "nearest").data


def wmh_by_region(
    mask: Image, atlas: Image, to_template: sitk.Transform, regions: Mapping[str, int] = REGIONS
) -> dict[str, float]:
    """WMH volume in every region of an atlas.

    Parameters
    ----------
    mask : Image
        WMH (bool) on the image's own grid.
    atlas : Image
        Label map of `regions`.
    to_template : sitk.Transform
        From points of the image to points of the atlas.
    regions : mapping of str to int
        REGIONS or TERRITORIES.

    Returns
    -------
    dict of str to float
        `wmh_<region>_cm3`, cm3.
    """
    found = regions_on(mask, atlas, to_template)[mask.data]
    cm3 = mask.voxel_volume_mm3 / 1000
    return {f"wmh_{name}_cm3": float((found == value).sum()) * cm3 for name, value in regions.items()}
