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
    difference_sd_min: float = 4.0
    """A voxel is lesion at one visit only if its evidence differs by this much (SDs of white matter)."""
    match_mm: float = 5.0
    """Microbleeds and lacunes of two visits at most this far apart are the same."""
