"""Vessel wall."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from angiolith.core.settings.section import Section, StepSettings


class WallTraceSettings(StepSettings):
    """Tracing of the wall between a reader's points.

    Source: numerics.
    """

    KEY = "vessel_wall.trace"
    trace_wall: bool = False
    """Trace the wall between a reader's points (`*_desc-vessel_points.csv`), offered as one more reader, "tool"."""
    trace_step_mm: float = 0.4
    """Distance between the cross-sections in which the wall is traced."""
    trace_acquired_voxel_mm: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)] | None = None
    """Voxel of the acquisition (mm, along the image's three axes), from which the blur follows, where the scanner made
    a finer image of it (0.7, 0.7, 1.1 shown as 0.35, 0.35, 0.55); null: the image's own voxel."""


class WallGradeSettings(StepSettings):
    """What a plaque's measures are called.

    Source: convention.
    """

    KEY = "vessel_wall.grade"
    eccentric_index_min: float = 0.5
    """A plaque is eccentric from this eccentricity index, (MaxWT - MinWT) / MaxWT."""
    positive_remodeling_min: float = 1.05
    """Remodelling is positive from this ratio of the outer-wall areas, narrowest / reference.

    [1] Source: convention."""
    calcified_percent_min: float = 50.0
    """Fraction of calcium from which a plaque is calcified; below it, partially calcified."""
    normal_wall_tolerance: float = 0.1
    """A wall that enhances at most this fraction more than the reference wall has enhancement grade 0."""


class WallConsensusSettings(StepSettings):
    """Agreement of two readers.

    Source: choice.
    """

    KEY = "vessel_wall.consensus"
    consensus_percent_max: float = 20.0
    """Readers whose lumen area, outer-wall area or largest thickness differ by more settle it together: review."""


class CulpritSettings(StepSettings):
    """Which lesion may be the culprit.

    Source: choice.
    """

    KEY = "vessel_wall.culprit"
    culprit_stenosis_percent_min: float | None = 50.0
    """A lesion of less stenosis takes no part in the choice of the culprit; null: no such limit.

    Source: convention."""
    ct_mri_days_max: float | None = 28.0
    """Nor does a lesion whose CT and MRI lie more days apart; null: no such limit."""


class WallMeasureSettings(StepSettings):
    """Plaque metrics from the readers' contours.

    Source: digital tubes.
    """

    KEY = "vessel_wall.measure"
    thickness_method: Literal["laplace", "centre_ray", "closest_point"] = "laplace"
    """Wall thickness behind max_wall_mm, min_wall_mm, eccentricity and plaque length; the others stand beside it."""
    section_step_mm: float = 0.5
    """Distance between cross-sections along the vessel."""
    narrowest_window_mm: float = 1.0
    """Lumen areas are averaged over this length before the narrowest cross-section is chosen."""
    plaque_wall_mm_min: float = 1.0
    """Wall thickness that counts as plaque along the vessel (plaque length and volume).

    Source: choice."""
    same_lesion_mm_max: float = 5.0
    """Drawings of two readers whose centres lie within this distance are one lesion."""
    artery_reach_mm: float = 5.0
    """A lesion takes the name of an artery of the artery map within this distance."""
    calcium_margin_mm: float = 1.0
    """Calcium up to this far outside the outer wall belongs to the plaque (registration, blooming)."""
    calcium_lesion_voxels_min: int = 2
    """A calcified lesion of the CT is counted in a plaque from this many of its voxels on."""
    seed: int = 20170
    """Seed of the voxel sampling when the post-contrast image is aligned.

    Source: definition."""


class VesselWallSettings(Section):
    """Plaque metrics from the readers' contours."""

    trace: WallTraceSettings = WallTraceSettings()
    measure: WallMeasureSettings = WallMeasureSettings()
    grade: WallGradeSettings = WallGradeSettings()
    consensus: WallConsensusSettings = WallConsensusSettings()
    culprit: CulpritSettings = CulpritSettings()
