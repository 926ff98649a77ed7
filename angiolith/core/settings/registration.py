"""Registration of CT and MRI, and to the template."""

from __future__ import annotations

from angiolith.core.settings.section import Section, StepSettings


class RigidSettings(StepSettings):
    """Rigid CT-MRI and MRI-MRI registration.

    Source: numerics.
    """

    KEY = "registration.rigid"
    seed: int = 20170
    """Seed of the metric's voxel sampling.

    Source: definition."""
    restart_spread_mm_max: float = 0.6
    """Independent starts must end this close together (mean over the head); beyond it the registration failed.

    Source: digital heads."""
    coarse_mm: float = 6.0
    """Voxel size of the first, multi-start level."""
    fine_mm: float = 2.0
    """Voxel size of the level that restarts must agree on; two MRIs are finished there."""
    last_mm: float = 1.0
    """Voxel size at which a CT's registration is finished from there."""


class TemplateReviewSettings(StepSettings):
    """Match with the template; a poorer one is marked for review.

    Source: digital heads.
    """

    KEY = "registration.template"
    template_correlation_min: float = 0.3
    """An MRI whose correlation with the template within the brain is lower is marked for review."""
    template_overlap_min: float = 0.85
    """A CT whose brain overlaps the template's less (Dice) is marked for review."""


class RegistrationReviewSettings(StepSettings):
    """What a registered CT and MRI must satisfy.

    Source: digital heads.
    """

    KEY = "registration.review"
    overlap_min: float = 0.6
    """Smallest share of the smaller head mask that must lie inside the other one after registration."""
    bone_contrast_max: float = 0.9
    """Largest ratio of the MRI's signal inside CT bone to that of the soft tissue around it (bone is dark on MRI)."""


class RegistrationSettings(Section):
    """Registration of CT and MRI, and to the template."""

    rigid: RigidSettings = RigidSettings()
    template: TemplateReviewSettings = TemplateReviewSettings()
    review: RegistrationReviewSettings = RegistrationReviewSettings()
