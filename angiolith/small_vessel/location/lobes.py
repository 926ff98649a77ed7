"""WMH by region of the brain: an atlas of the lobes in MNI152, carried onto the image by the template's mapping.

The atlas (`resources/lobe_atlas`) was made of eight labelled older adults: white matter of the four lobes, deep
structures (basal ganglia, thalamus, internal capsule, corpus callosum, fornix), brainstem and cerebellum. Every voxel
of the brain is in one region, that of the nearest of these.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import Image, resample

# [label] Labels of the atlas. Source: definition.
REGIONS = {"frontal": 1, "parietal": 2, "temporal": 3, "occipital": 4, "deep_structures": 5, "infratentorial": 6}
MEASURES = tuple(f"wmh_{name}_cm3" for name in REGIONS)


def regions_on(grid: Image, atlas: Image, to_template: sitk.Transform) -> np.ndarray:
    """The atlas' regions on the grid of an image.

    Parameters
    ----------
    grid : Image
        Its affine and shape are taken.
    atlas : Image
        Label map of REGIONS.
    to_template : sitk.Transform
        From points of the image to points of the atlas.

    Returns
    -------
    ndarray of int, shape of the grid
        REGIONS, 0 outside.
    """
    return resample(atlas, grid, to_template, "nearest").data


def wmh_by_region(mask: Image, atlas: Image, to_template: sitk.Transform) -> dict[str, float]:
    """WMH volume in every region.

    Parameters
    ----------
    mask : Image
        WMH (bool) on the image's own grid.
    atlas : Image
        Label map of REGIONS.
    to_template : sitk.Transform
        From points of the image to points of the atlas.

    Returns
    -------
    dict of str to float
        MEASURES, cm3.
    """
    regions = regions_on(mask, atlas, to_template)[mask.data]
    cm3 = mask.voxel_volume_mm3 / 1000
    return {f"wmh_{name}_cm3": float((regions == value).sum()) * cm3 for name, value in REGIONS.items()}
