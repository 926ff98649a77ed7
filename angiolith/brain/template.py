"""The way between a subject's reference image and the MNI152 template: affine, then symmetric diffeomorphic (SyN).

Template: the ICBM 2009a nonlinear symmetric T1 average, brain-extracted (Fonov et al. 2011), as nilearn ships it.
SyN: Avants et al. 2008, as ANTs has it. The result is kept as displacement fields that hold the whole mapping.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from angiolith.brain.mni152 import mni152_map
from angiolith.core.distance import box_around, dilate_mm
from angiolith.core.images import RAS_TO_LPS, Image, crop, resample, to_sitk
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import FAILED, OK, REVIEW
from angiolith.registration.head import shrink
from angiolith.registration.rigid import (
    COARSE_SAMPLES,
    FINE_SAMPLES,
    Matcher,
    Prepared,
    best_end,
    head_starts,
    prepare,
    prepare_ct_brain,
)

FIELD_MM = 4.0
FIELD_MARGIN_MM = 40.0
BRAIN_LEVEL = 0.2  # of the template's brightest voxel: what nilearn takes for its brain mask
SYN_MM = 4.0
SYN_MARGIN_MM = 16.0
SYN_ITERATIONS = (40, 6)  # at 8 and 4 mm: twice as many at 4 mm gain 0.06 of 2 mm on landmarks, for half the time again


@dataclass(frozen=True)
class TemplateResult:
    """The two ways and the brain.

    template_to_reference maps template points to reference points (it resamples the reference onto the template),
    reference_to_template the other way. brain: mask on the grid of the reference. match: correlation within the brain
    (MRI) or Dice of the brains (CT).
    """

    template_to_reference: sitk.Transform
    reference_to_template: sitk.Transform
    brain: np.ndarray
    match: float
    status: str
    reason: str | None


def load_template(voxel_mm: int) -> tuple[Image, Image]:
    """The MNI152 T1 brain and its mask at this voxel size, a multiple of 1 mm."""
    template = shrink(mni152_map("t1"), voxel_mm)
    return template, template.with_data(template.data > BRAIN_LEVEL)


def register_to_template(
    reference: Image, is_ct: bool, settings: RigidSettings, limits: TemplateReviewSettings
) -> TemplateResult:
    """Register a session's reference image (MRI, or a CT that has no MRI beside it) to the template.

    settings: section `registration.rigid`; limits: section `registration.template`. A CT is matched by its brain in a
    narrow window. Rigid from many starts, affine, then SyN on coarse grids within the template's brain. Status review
    if the match within the brain is poor.
    """
    template, template_brain = load_template(2)
    fixed = Prepared(template, template_brain.data, False, True)
    moving = prepare_ct_brain(reference) if is_ct else prepare(reference, False, 2.0)
    affine = _affine(fixed, moving, settings)
    forward, backward = _deform(fixed, moving, affine, settings.seed)
    # by way of the prepared image's grid, which is much coarser than a clinical one: a field is slow to read
    mask = resample(
        resample(template_brain.with_data(template_brain.data.astype(np.float32)), moving.image, backward), reference
    )
    brain_of_moving = moving.image.with_data(moving.mask.astype(np.float32))
    match = _match(template, template_brain.data, resample(moving.image, template, forward))
    least = limits.template_correlation_min
    if is_ct:  # a CT hardly tells grey from white matter: the outline of the brain is what can agree
        match = _dice(resample(brain_of_moving, template, forward).data > 0.5, template_brain.data)
        least = limits.template_overlap_min
    status, reason = OK, None
    if match < least:
        status, reason = REVIEW, f"poor match to the template ({match:.2f}, at least {least:g} expected)"
    brain = mask.data > 0.5
    if brain.sum() * reference.voxel_volume_mm3 < 5e5:
        status, reason = FAILED, "less than 500 cm3 of brain found"
    return TemplateResult(forward, backward, brain, match, status, reason)


def _match(template: Image, brain: np.ndarray, aligned: Image) -> float:
    """Absolute correlation of two images on one grid within the template's brain, where both have signal."""
    inside = brain & (aligned.data > 0)
    return abs(float(np.corrcoef(template.data[inside], aligned.data[inside])[0, 1])) if inside.sum() > 100 else 0.0


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2.0 * float((first & second).sum()) / max(1, int(first.sum()) + int(second.sum()))


def _affine(fixed: Prepared, moving: Prepared, settings: RigidSettings) -> sitk.AffineTransform:
    seed = settings.seed
    coarse = Matcher(fixed, moving, settings.coarse_mm)
    rigid = best_end(coarse, head_starts(fixed, moving), seed)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine = coarse.optimise(affine, COARSE_SAMPLES, seed, 0.001)[1]
    return Matcher(fixed, moving, 4.0).optimise(affine, FINE_SAMPLES // 2, seed, 0.001)[1]


def _deform(
    fixed: Prepared, moving: Prepared, affine: sitk.AffineTransform, seed: int
) -> tuple[sitk.Transform, sitk.Transform]:
    """SyN between the template and the affinely aligned image, both on a coarse grid; whole mappings."""
    import ants

    wide = dilate_mm(fixed.mask, 4.0, fixed.image.voxel_mm)
    aligned = resample(moving.image, fixed.image, affine)
    box = box_around(wide, SYN_MARGIN_MM, fixed.image.voxel_mm)
    template, aligned, mask = (
        shrink(crop(fixed.image.with_data(data), box), SYN_MM)
        for data in (*(np.where(wide, image.data, 0) for image in (fixed.image, aligned)), wide.astype(np.float32))
    )
    with tempfile.TemporaryDirectory() as folder:
        result = ants.registration(
            to_ants(template),
            to_ants(aligned),
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            outprefix=f"{folder}/",
            mask=to_ants(mask.with_data((mask.data > 0.5).astype(np.float32))),
            syn_metric="mattes",  # as good here as local correlation, in a third of its time
            syn_sampling=32,
            reg_iterations=SYN_ITERATIONS,
            random_seed=seed,
        )
        warp, inverse_warp = (
            sitk.ReadImage(next(path for path in result[side] if path.endswith(".nii.gz")), sitk.sitkVectorFloat64)
            for side in ("fwdtransforms", "invtransforms")
        )
    # composites apply their last transform first: template point -> warped template point -> reference point
    forward = sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(warp)])
    backward = sitk.CompositeTransform([sitk.DisplacementFieldTransform(inverse_warp), affine.GetInverse()])
    return _as_field(forward, fixed.image), _as_field(backward, moving.image)


def to_ants(image: Image) -> Any:
    """An ANTs image of the same voxels (float32)."""
    import ants

    lps = RAS_TO_LPS @ image.affine
    return ants.from_numpy(
        np.ascontiguousarray(image.data, dtype=np.float32),
        origin=lps[:3, 3].tolist(),
        spacing=image.voxel_mm.tolist(),
        direction=lps[:3, :3] / image.voxel_mm,
    )


def _as_field(transform: sitk.Transform, image: Image) -> sitk.Transform:
    """A transform as one displacement field on a grid that reaches 40 mm beyond the image (vertebral arteries)."""
    grid = to_sitk(image)
    size = np.array(grid.GetSize()) * grid.GetSpacing()
    margin_index = (-FIELD_MARGIN_MM / np.array(grid.GetSpacing())).tolist()
    origin = grid.TransformContinuousIndexToPhysicalPoint(margin_index)
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        [int(np.ceil(n)) + 1 for n in (size + 2 * FIELD_MARGIN_MM) / FIELD_MM],
        origin,
        [FIELD_MM] * 3,
        grid.GetDirection(),
    )
    return sitk.DisplacementFieldTransform(field)
