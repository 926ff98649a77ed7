"""White matter hyperintensities."""

from __future__ import annotations

from angiolith.core.settings.section import Section, StepSettings


class WmhMeasureSettings(StepSettings):
    """Which hyperintensities are periventricular."""

    KEY = "wmh.measure"
    periventricular_mm: float = 10.0
    """Periventricular: within this distance of the ventricles; the rest is deep."""


class WmhGradeSettings(StepSettings):
    """Cut-points of the Fazekas grades."""

    KEY = "wmh.grade"
    contact_mm: float = 3.0
    """A lesion that comes this near to the ventricles counts as touching them for the Fazekas grade."""
    fazekas_periventricular_mm: list[float] = [5.0, 10.0]
    """Radial width from which the periventricular grade is 2, and from which it is 3."""
    fazekas_deep_mm: list[float] = [10.0, 20.0]
    """Largest diameter from which the deep grade is 2, and above which it is 3."""


class WmhReviewSettings(StepSettings):
    """What is marked for review."""

    KEY = "wmh.review"
    review_volume_cm3: float = 150.0
    """A larger volume is marked for review."""


class WmhSegmentSettings(StepSettings):
    """Segmentation on FLAIR. SDs are those of normal-appearing white matter."""

    KEY = "wmh.segment"
    bias_voxel_mm: float = 6.0
    """Voxel size of the copy on which shading is estimated (N4)."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels."""
    smooth_mm: float = 0.8
    """Gaussian smoothing (sigma) along axes finer than 2 mm before grey values are judged."""
    seed_probability: float = 0.7
    """A voxel of this learned probability is a seed of a lesion."""
    seed_mm3_min: float = 5.0
    """Seeds are connected pieces of at least this volume."""
    seed_height_share: float = 0.55
    """Least share of the height of the scan's lesions (median evidence of the seeds) that a seed reaches."""
    grow_probability: float = 0.25
    """Least learned probability into which a lesion grows."""
    grow_height_share: float = 0.5
    """Least share of that height into which a lesion grows."""
    edge_height_share: float = 0.45
    """A lesion ends where its evidence falls below this share of its height around."""
    bright_above_gm_sd: float = 3.0
    """What lies this far above grey matter's level, in SDs of grey matter, is bright by itself (infarcts, change)."""
    bright_sd_min: float = 3.5
    """It must also lie this far above white matter's level."""
    lesion_mm3_min: float = 5.0
    """Smaller lesions are dropped."""
    wm_prior_min: float = 0.25
    """Least probability of white matter, by the template, where hyperintensities are looked for."""
    near_ventricle_mm: float = 6.0
    """Within this of the ventricles 0.4 of that probability is enough."""
    surface_mm: float = 2.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    enclosed_mm: float = 3.0
    """Gaps between and within ventricles up to twice this wide (septum, choroid plexus) are left out."""
    ventricle_margin_mm: float = 8.0
    """How far ventricles may reach beyond the template's."""
    noise_share_max: float = 0.2
    """A FLAIR whose white matter's SD is a larger share of its contrast to CSF is marked for review."""
    infarct_outside_mm3_min: float = 300.0
    """A lesion that goes on by this volume into the cortex, or around such a cavity, may be an infarct: review."""


class WmhSettings(Section):
    """White matter hyperintensities on FLAIR."""

    segment: WmhSegmentSettings = WmhSegmentSettings()
    measure: WmhMeasureSettings = WmhMeasureSettings()
    grade: WmhGradeSettings = WmhGradeSettings()
    review: WmhReviewSettings = WmhReviewSettings()


class WmhToolSettings(StepSettings):
    """Another tool that segments WMH in place of the built-in method; a mask of the user's goes before both."""

    KEY = "wmh_tool"
    command: str | None = None
    """Command line, e.g. `docker run --rm -v {folder}:{folder} IMAGE --flair {FLAIR} --output {mask}`. Put in are
    {FLAIR}, {T1w}, {mask} (NIfTI to be written on the FLAIR's grid) and {folder} (scratch that holds them all)."""
    version: str | None = None
    """The tool's version (or the container's digest), recorded beside every mask it made."""
    weights: str | None = None
    """File of the tool's weights; its SHA-256 is recorded beside every mask, and a change of it makes masks anew."""
    threshold: float = 0.5
    """Voxels of the tool's mask or probability map above this are WMH."""
