"""How well a CT lies on an MRI, judged by other means than the search: overlap of the heads, darkness of bone."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from angiolith.core.distance import dilate_mm
from angiolith.core.image_checks import is_brain_extracted
from angiolith.core.images import Image, resample
from angiolith.registration.head import head_mask, shrink, without_surroundings
from angiolith.registration.prepared import BONE_EDGE_MM, prepare_ct_brain

# [mm] Voxel of the MRI's copy on which an alignment is judged. Source: numerics.
JUDGED_MRI_MM = 2.0
# [mm] The same of the CT's copy: thin bone stays bone. Source: numerics.
JUDGED_CT_MM = 1.5
# [HU] What is denser is bone where an alignment is judged. Source: digital heads.
JUDGED_BONE_HU_MIN = 300
# [HU] What is denser is soft tissue where an alignment is judged: fat is not. Source: physics.
JUDGED_SOFT_HU_MIN = -50
# [HU] What lies outside the CT is taken for air. Source: physics.
OUTSIDE_HU = -1000.0


def alignment_measures(ct: Image, mri: Image, transform: sitk.Transform) -> dict[str, float]:
    """How well a CT lies on an MRI, judged without the metric that found the transform.

    transform maps MRI points to CT points. Returns `head_overlap`: fraction of the smaller head mask, within the common
    field of view, that lies in the other (of a brain-extracted MRI: fraction of its brain outside the CT's bone and
    within the CT's brain); `bone_contrast`: mean MRI signal where the CT has bone (over 300 HU) divided
    by that in the rest of the CT's head. Bone is dark on MRI, so a good alignment lies far below 1.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    mri : Image
        The MRI.
    transform : sitk.Transform
        Maps points of the MRI to points of the CT.

    Returns
    -------
    dict[str, float]
        `head_overlap` (0 to 1) and `bone_contrast` (ratio; below 1 where bone is dark).
    """
    grid = shrink(mri, JUDGED_MRI_MM)
    small_ct = shrink(ct, JUDGED_CT_MM)
    head = head_mask(small_ct, is_ct=True)
    brain_alone = is_brain_extracted(mri)
    placed = resample(without_surroundings(small_ct, head), grid, transform, fill=np.nan).data
    ct_head = resample(small_ct.with_data(head.astype(np.float32)), grid, transform).data > 0.5
    mri_head = head_mask(grid, is_ct=False)
    seen = np.isfinite(placed)
    smaller = min(int((ct_head & seen).sum()), int((mri_head & seen).sum()))
    hu = np.nan_to_num(placed, nan=OUTSIDE_HU)
    bone = ct_head & (hu > JUDGED_BONE_HU_MIN)
    soft = ct_head & (hu > JUDGED_SOFT_HU_MIN) & ~dilate_mm(bone, BONE_EDGE_MM, grid.voxel_mm)
    if not smaller or not bone.any() or not soft.any():
        return {"head_overlap": 0.0, "bone_contrast": float("inf")}
    overlap = float((ct_head & mri_head).sum() / smaller)
    if brain_alone:
        brain = prepare_ct_brain(ct)
        in_brain = resample(brain.image.with_data(brain.mask.astype(np.float32)), grid, transform).data > 0.5
        overlap = float((in_brain & mri_head & seen).sum() / max(1, int((mri_head & seen).sum())))
    return {
        "head_overlap": overlap,
        "bone_contrast": float(grid.data[bone].mean() / max(float(grid.data[soft].mean()), 1e-6)),
    }
