"""Checks of the images."""

from __future__ import annotations

from angiolith.core.settings.section import StepSettings


class CheckImagesSettings(StepSettings):
    """What an image must satisfy before it is measured.

    Source: physics.
    """

    KEY = "check_images"
    ct_air_hu_max: float = -300.0
    """A CT whose 2nd percentile lies above this holds no air: it is not in HU, or its intercept was lost."""
    ct_bone_hu_min: float = 300.0
    """A head CT must hold voxels above this (bone), else it is not in HU."""
    ct_slice_step_mm_max: float = 10.0
    """Largest slice step accepted for a CT."""
    voxel_mm_min: float = 0.05
    """A voxel edge below this means a unit mistake (um or m for mm)."""
    voxel_mm_max: float = 20.0
    """A voxel edge above this means a unit mistake."""
