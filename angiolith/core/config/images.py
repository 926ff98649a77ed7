"""Images: their checks, registration, and where the arteries are."""

from __future__ import annotations

from angiolith.core.config.section import Section


class CheckImagesSettings(Section):
    """What an image must satisfy before it is measured."""

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


class RegistrationSettings(Section):
    """Rigid CT-MRI and MRI-MRI registration, and the way to the template."""

    seed: int = 20170
    """Seed of the metric's voxel sampling."""
    restart_spread_mm_max: float = 0.6
    """Independent starts must end this close together (mean over the head); beyond it the registration failed."""
    coarse_mm: float = 6.0
    """Voxel size of the first, multi-start level."""
    fine_mm: float = 2.0
    """Voxel size of the level that restarts must agree on; two MRIs are finished there."""
    last_mm: float = 1.0
    """Voxel size at which a CT's registration is finished from there."""
    overlap_min: float = 0.6
    """Smallest share of the smaller head mask that must lie inside the other one after registration."""
    template_correlation_min: float = 0.3
    """An MRI whose correlation with the template within the brain is lower is marked for review."""
    template_overlap_min: float = 0.85
    """A CT whose brain overlaps the template's less (Dice) is marked for review."""
    bone_contrast_max: float = 0.9
    """Largest ratio of the MRI's signal inside CT bone to that of the soft tissue around it (bone is dark on MRI)."""


class ArterySettings(Section):
    """Where the arteries are looked for on the CT."""

    wall_margin_mm: float = 1.2
    """Calcium is looked for this far outside the lumen: wall and blooming."""
    search_sds: float = 1.0
    """The tube around a centreline is wider than lumen and wall by this many standard deviations of its position."""
    refine: bool = True
    """Fit the atlas centrelines to CT (blood, calcium, bone) and reference MRI before the region is drawn."""
    refined_sd_mm: float = 0.8
    """Standard deviation of a centreline's position after the fit to the CT."""
    refined_mri_sd_mm: float = 0.5
    """Standard deviation of a centreline's position after the fit to CT and MRI."""
    followed_sd_mm: float = 0.4
    """Standard deviation of a centreline's position where its lumen could be followed on the MRI."""
    mask_sd_mm: float = 0.3
    """Standard deviation of the position of a centreline that comes from a mask or an angiogram."""
    complete_from_atlas: bool = True
    """Arteries that a mask or an angiogram does not show are taken from the atlas (and the lookup table says so)."""
    angio_mads: float = 6.0
    """Angiogram: a vessel stands at least this many median absolute deviations above the tissue."""
    angio_share_min: float = 0.3
    """An artery of which a smaller share of the volume expected from the atlas shows on the angiogram is not taken."""
