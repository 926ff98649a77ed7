"""Change between two visits."""

from __future__ import annotations

from angiolith.core.settings.section import StepSettings


class ChangeSettings(StepSettings):
    """Change between two visits.

    Source: digital heads.
    """

    KEY = "change"
    half_way_voxel_mm: float = 1.0
    """Voxel size of the half-way space; coarser where the finer visit's voxels are larger (a cube of their volume)."""
    motion_gap_mm_max: float = 1.5
    """The registrations from the first to the second visit and back must agree to this over the head."""
    difference_probability_min: float = 0.3
    """A voxel is WMH at one visit only if its probability differs by this much."""
    match_mm: float = 5.0
    """Microbleeds and lacunes of two visits at most this far apart are the same."""
