"""White matter hyperintensities."""

from __future__ import annotations

from angiolith.core.settings.section import Section, StepSettings
from angiolith.core.settings.tool import ToolSettings


class WmhMeasureSettings(StepSettings):
    """Which hyperintensities are periventricular.

    Source: convention.
    """

    KEY = "wmh.measure"
    periventricular_mm: float = 10.0
    """Periventricular: within this distance of the ventricles; the rest is deep."""


class WmhGradeSettings(StepSettings):
    """Cut-points of the Fazekas grades, tuned on 21 real scans that a developer read (docs/fazekas.md).

    Source: 21 real scans that a developer read (docs/fazekas.md).
    """

    KEY = "wmh.grade"
    contact_mm: float = 3.0
    """WMH in a slice that come this near to the ventricles lie beside them for the periventricular grade."""
    fazekas_halo_mm: float = 0.1
    """Mean thickness of WMH over the ventricles' whole border from which the periventricular grade is 2, not 1."""
    fazekas_reach_cm3: float = 0.5
    """Volume, deep, of what hangs together in the slice with WMH beside the ventricles, from which that grade is 3."""
    fazekas_deep_mm: list[float] = [8.0, 20.0]
    """Diameter of the largest deep area in a slice, as a circle, from which the deep grade is 2, and 3."""


class WmhReviewSettings(StepSettings):
    """What is marked for review.

    Source: choice.
    """

    KEY = "wmh.review"
    review_volume_cm3: float = 150.0
    """A larger volume is marked for review."""


class WmhSegmentSettings(StepSettings):
    """Segmentation on FLAIR.

    Source: choice.
    """

    KEY = "wmh.segment"
    bias_voxel_mm: float = 6.0
    """Voxel size of the copy on which shading is estimated (N4).

    Source: numerics."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels.

    Source: numerics."""
    probability_min: float = 0.3
    """Voxels of at least this probability are WMH (docs/small_vessel_accuracy.md has the curve of Dice and volume).

    Source: curve of Dice and volume in docs/small_vessel_accuracy.md."""
    height_fraction_min: float = 0.4
    """WMH reach at least this fraction of the intensity, above white matter, of the scan's likely lesions."""
    peak_fraction_min: float = 0.6
    """A lesion that nowhere in its slice reaches this fraction of that intensity is possible, and not counted."""
    probability_sure: float = 0.9
    """The lower bound of the volume is that of the voxels of at least this probability."""
    probability_possible: float = 0.1
    """The upper bound of the volume is that of the voxels of at least this probability."""
    lesion_mm3_min: float = 5.0
    """Smaller lesions are dropped."""
    infarct_probability: float = 0.5
    """Voxels of at least this probability of an infarct are no WMH."""
    infarct_mm3_min: float = 1000.0
    """Smaller pieces are no suspected infarct."""
    noise_share_max: float = 0.2
    """A FLAIR whose white matter's SD is a larger fraction of its contrast to CSF is marked for review."""


class WmhSettings(Section):
    """White matter hyperintensities on FLAIR."""

    segment: WmhSegmentSettings = WmhSegmentSettings()
    measure: WmhMeasureSettings = WmhMeasureSettings()
    grade: WmhGradeSettings = WmhGradeSettings()
    review: WmhReviewSettings = WmhReviewSettings()


class WmhToolSettings(ToolSettings, StepSettings):
    """Another tool that segments WMH in place of the built-in method; a mask of the user's takes precedence.

    Source: definition.
    """

    KEY = "wmh_tool"
    command: str | None = None
    """Command line, e.g. `docker run --rm -v {folder}:{folder} IMAGE --flair {FLAIR} --output {mask}`. Put in are
    {FLAIR}, {T1w}, {mask} (NIfTI to be written on the FLAIR's grid) and {folder} (scratch that holds them all)."""
