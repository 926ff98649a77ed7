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
    """What a brain registered to the template must satisfy.

    Source: development scans (older_adults 03, 06, 09 and 12).
    """

    KEY = "registration.template"
    template_correlation_min: float = 0.3
    """Its tissues, drawn in the template's grey levels, correlate with it within the brain; less is for review."""
    template_overlap_min: float = 0.85
    """Smallest overlap (Dice) with the template's brain; less failed."""
    scale_min: float = 0.7
    """Smallest scale of the affine part along any axis, template to reference; below it the registration failed.

    [1] Source: anatomy, adult brains of 850 to 2000 cm3 beside a template of 1887."""
    scale_max: float = 1.25
    """Largest one.

    [1] Source: as scale_min."""


class RegistrationReviewSettings(StepSettings):
    """What a registered CT and MRI must satisfy.

    Source: digital heads.
    """

    KEY = "registration.review"
    overlap_min: float = 0.6
    """Smallest fraction of the smaller head mask that must lie inside the other one after registration."""
    bone_contrast_max: float = 0.9
    """Largest ratio of the MRI's signal inside CT bone to that of the soft tissue around it (bone is dark on MRI)."""
    second_search_mm_max: float = 0.8
    """A second search from the found transform, on samples of its own, ends within this distance (mean over the head);
    beyond it the registration is for review.

    Source: docs/registration_real_heads.md."""


class RegistrationSettings(Section):
    """Registration of CT and MRI, and to the template."""

    rigid: RigidSettings = RigidSettings()
    template: TemplateReviewSettings = TemplateReviewSettings()
    review: RegistrationReviewSettings = RegistrationReviewSettings()
