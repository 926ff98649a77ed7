"""The transform between a subject's reference image and the MNI152 template, brain to brain: affine, then SyN.

Template: the ICBM 2009a nonlinear symmetric T1 average, brain-extracted (Fonov et al. 2011), as nilearn ships it.
The tissues of an MRI (angiolith.brain.segment) are drawn in the template's own grey levels, so that the affine part
sees the same contrast whatever the sequence is. SyN (Avants et al. 2008, as ANTs has it) compares the MRI's own grey
levels beside them. A CT goes by its windowed brain. The result is kept as displacement fields that hold the whole
mapping.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from angiolith.brain.mni152 import mni152_map
from angiolith.brain.segment import TISSUES, BrainSegmentation
from angiolith.core.distance import box_around, dilate_mm, erode_mm
from angiolith.core.images import RAS_TO_LPS, Image, crop, resample, to_sitk
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import FAILED, OK, REVIEW
from angiolith.registration.head import shrink
from angiolith.registration.prepared import Prepared, prepare_ct_brain
from angiolith.registration.rigid import COARSE_SAMPLES, FINE_SAMPLES, Matcher, best_end, head_starts

# [mm] Grid of the displacement field. Source: numerics.
FIELD_MM = 4.0
# [mm] It reaches so far beyond the image. Source: numerics.
FIELD_MARGIN_MM = 40.0
# [1] Template's mask: this fraction of its brightest voxel, as nilearn takes for its brain mask. Source: definition
# (nilearn).
BRAIN_LEVEL = 0.2
# [mm] Grid on which the brain is drawn and matched. Source: numerics.
WORKING_MM = 2.0
# [number] Bins of SyN's joint histogram. Source: numerics (ANTs' default).
SYN_BINS = 32
# [mm] Finest grid of SyN. Source: numerics.
SYN_MM = 4.0
# [mm] Room about the brain in which it runs. Source: numerics.
SYN_MARGIN_MM = 16.0
# [number] Iterations of SyN at 8 and at 4 mm. Source: numerics.
SYN_ITERATIONS = (40, 20)
# [mm] Around the template's brain, where SyN compares. Source: numerics.
WIDE_MM = 4.0
# [mm] Sulci of the extracted brain that are closed, as the template's mask has them. Source: definition (nilearn).
CLOSED_MM = 4.0
# [1] Grey levels in which tissues are drawn: mean of the template's T1 in each tissue as the networks tell them apart
# there; fluid around the brain darker, as the template's own was mostly cut away, and ventricles without the tissue at
# their rim. Source: the ICBM 2009a template.
DRAWN = {"grey": 0.63, "white": 0.82, "csf": 0.2, "ventricles": 0.4, "deep_grey": 0.76, "infratentorial": 0.65}


@dataclass(frozen=True)
class TemplateResult:
    """The two ways, and how well they fit.

    template_to_reference maps template points to reference points (it resamples the reference onto the template),
    reference_to_template the other way. match: correlation of the extracted brain with the template within its brain;
    overlap: Dice of the brains; scales: of the affine part along its axes, template to reference. Of a failed one the
    ways must not be used.
    """

    template_to_reference: sitk.Transform
    reference_to_template: sitk.Transform
    match: float
    overlap: float
    scales: tuple[float, float, float]
    status: str
    reason: str | None


def load_template(voxel_mm: int) -> tuple[Image, Image]:
    """The MNI152 T1 brain and its mask at this voxel size, a multiple of 1 mm.

    Parameters
    ----------
    voxel_mm : int
        Voxel edge, a whole number of mm.

    Returns
    -------
    tuple[Image, Image]
        The T1 average and the brain's mask (bool), MNI152 space.
    """
    template = shrink(mni152_map("t1"), voxel_mm)
    return template, template.with_data(template.data > BRAIN_LEVEL)


def register_to_template(
    reference: Image, found: BrainSegmentation, is_ct: bool, settings: RigidSettings, limits: TemplateReviewSettings
) -> TemplateResult:
    """Register the brain of a session's reference image (MRI, or a CT that has no MRI beside it) to the template.

    Status failed if the affine part leaves plausible scales or the brains do not overlap, review if the match within
    the brain is poor.

    Parameters
    ----------
    reference : Image
        The session's reference image.
    found : BrainSegmentation
        The image's segmented brain, status ok.
    is_ct : bool
        True for a CT.
    settings : RigidSettings
        Section `registration.rigid`.
    limits : TemplateReviewSettings
        Section `registration.template`.

    Returns
    -------
    TemplateResult
        The transforms there and back, the measures of the match, status and reason.
    """
    template, template_brain = load_template(int(WORKING_MM))
    fixed = Prepared(template, template_brain.data, False, True)
    # what hangs on it is the arteries: on traced siphons of two real CTs this lies nearer than the drawn tissues do
    drawn = _drawn(reference, found)
    moving = prepare_ct_brain(reference) if is_ct else drawn
    affine = _affine(fixed, moving, found.complete, settings)
    own = None
    if not is_ct:
        own = shrink(reference.with_data(np.where(found.brain, reference.data, np.float32(0))), WORKING_MM)
    forward, backward = _deform(fixed, moving, own, affine, settings.seed)
    match = _match(template, template_brain.data, resample(drawn.image, template, forward))
    mapped = resample(template_brain.with_data(template_brain.data.astype(np.float32)), moving.image, backward)
    overlap = _dice(mapped.data > 0.5, moving.mask)
    high, middle, low = np.linalg.svd(np.reshape(affine.GetMatrix(), (3, 3)), compute_uv=False).tolist()
    status, reason = OK, None
    if low < limits.scale_min or high > limits.scale_max:
        status = FAILED
        reason = f"the brain is {low:.2f} to {high:.2f} times as large as the template's: the registration went astray"
    elif overlap < limits.template_overlap_min:
        status = FAILED
        reason = (
            f"the template's brain overlaps this one by {overlap:.2f} only ({limits.template_overlap_min:g} needed)"
        )
    elif match < limits.template_correlation_min:
        status = REVIEW
        reason = f"poor match to the template ({match:.2f}, at least {limits.template_correlation_min:g} expected)"
    return TemplateResult(forward, backward, match, overlap, (high, middle, low), status, reason)


def _drawn(reference: Image, found: BrainSegmentation) -> Prepared:
    """The brain's tissues in the template's grey levels, with the mask of what the template's brain mask holds."""
    levels = np.zeros(len(TISSUES) + 1, np.float32)
    for name, value in TISSUES.items():
        levels[value] = DRAWN[name]
    image = shrink(reference.with_data(levels[found.tissues]), WORKING_MM)
    held = (found.tissues > 0) & (found.tissues != TISSUES["csf"])
    small = shrink(reference.with_data(held.astype(np.float32)), WORKING_MM)
    closed = erode_mm(dilate_mm(small.data > 0.5, CLOSED_MM, small.voxel_mm), CLOSED_MM, small.voxel_mm)
    brain = shrink(reference.with_data(found.brain.astype(np.float32)), WORKING_MM)
    return Prepared(image, (closed | (small.data > 0.5)) & (brain.data > 0.5), False, True)


def _match(template: Image, brain: np.ndarray, aligned: Image) -> float:
    """Correlation of two images on one grid within the template's brain, where both have signal."""
    inside = brain & (aligned.data > 0)
    return float(np.corrcoef(template.data[inside], aligned.data[inside])[0, 1]) if inside.sum() > 100 else 0.0


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2.0 * float((first & second).sum()) / max(1, int(first.sum()) + int(second.sum()))


def _affine(fixed: Prepared, moving: Prepared, complete: bool, settings: RigidSettings) -> sitk.AffineTransform:
    """Rigid from many starts; then affine, from the scale that the brains' volumes say (of a cut brain: from 1)."""
    seed = settings.seed
    coarse = Matcher(fixed, moving, settings.coarse_mm)
    rigid = best_end(coarse, head_starts(fixed, moving), seed)
    scale = 1.0
    if complete:
        volumes = [each.mask.sum() * each.image.voxel_volume_mm3 for each in (moving, fixed)]
        scale = float(np.cbrt(volumes[0] / volumes[1]))
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix((scale * np.array(rigid.GetMatrix())).tolist())
    affine.SetTranslation(rigid.GetTranslation())
    affine = coarse.optimise(affine, COARSE_SAMPLES, seed, 0.001)[1]
    return Matcher(fixed, moving, 4.0).optimise(affine, FINE_SAMPLES // 2, seed, 0.001)[1]


def _deform(
    fixed: Prepared, moving: Prepared, own: Image | None, affine: sitk.AffineTransform, seed: int
) -> tuple[sitk.Transform, sitk.Transform]:
    """SyN between the template and the affinely aligned brain, on coarse grids; whole mappings.

    own: the image's own grey levels within the brain, compared beside the drawn ones. Where the image ends within the
    brain nothing is compared.
    """
    import ants

    field = resample(moving.image.with_data(np.ones(moving.image.data.shape, np.float32)), fixed.image, affine)
    wide = dilate_mm(fixed.mask, WIDE_MM, fixed.image.voxel_mm) & (field.data > 0.5)
    box = box_around(wide, SYN_MARGIN_MM, fixed.image.voxel_mm)
    images = [fixed.image, *(resample(image, fixed.image, affine) for image in (moving.image, own) if image)]
    template, *aligned, mask = (
        shrink(crop(fixed.image.with_data(data), box), SYN_MM)
        for data in (*(np.where(wide, image.data, 0) for image in images), wide.astype(np.float32))
    )
    others = [("mattes", to_ants(template), to_ants(image), 1.0, SYN_BINS) for image in aligned[1:]]
    with tempfile.TemporaryDirectory() as folder:
        result = ants.registration(
            to_ants(template),
            to_ants(aligned[0]),
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            outprefix=f"{folder}/",
            mask=to_ants(mask.with_data((mask.data > 0.5).astype(np.float32))),
            syn_metric="mattes",  # as good here as local correlation, in a third of its time
            syn_sampling=SYN_BINS,
            reg_iterations=SYN_ITERATIONS,
            multivariate_extras=others or None,
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
    """An ANTs image of the same voxels (float32).

    Parameters
    ----------
    image : Image
        The image.

    Returns
    -------
    Any
        An ANTsImage, float32, LPS.
    """
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
