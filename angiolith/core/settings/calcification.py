"""Calcification: what counts, how it is measured and scored, and the severity that follows."""

from __future__ import annotations

from typing import Literal

from angiolith.core.settings.section import Count, Section, StepSettings


class CalciumThresholdSettings(StepSettings):
    """Density from which a voxel counts as calcium.

    Source: physics.
    """

    KEY = "calcification.threshold"
    hu_min: float = 130.0
    """Threshold of calcification, HU; a voxel at the threshold counts.

    Source: Agatston 1990."""
    contrast_hu_min: float = 100.0
    """A lumen of this density or more means a contrast-enhanced CT."""
    on_contrast: Literal["refuse", "adaptive"] = "refuse"
    """What to do with a contrast-enhanced CT: refuse it, or raise the threshold above the lumen."""
    adaptive_hu_above_lumen: float = 150.0
    """With `on_contrast: adaptive`, calcium begins this far above the lumen's HU."""
    at_other_kvp: Literal["keep", "published"] = "keep"
    """At another tube voltage than 120 kVp: keep `hu_min` (and mark the CT for review), or scale it and the Agatston
    steps by published thresholds (70, 80 and 100 kVp). An unknown voltage is never scaled."""


class CalcificationSegmentSettings(StepSettings):
    """What is a lesion and what is bone or noise.

    Source: digital heads.
    """

    KEY = "calcification.segment"
    lesion_volume_mm3_min: float = 1.0
    """Smaller lesions are noise."""
    lesion_voxels_min: int = 2
    """Lesions of fewer voxels are noise."""
    bone_hu_min: float = 300.0
    """Bone grows from components of voxels above this; what touches bone and nowhere reaches it is bone's edge."""
    bone_volume_mm3_min: float = 200.0
    """Components smaller than this, outside the artery's wall, are no bone."""
    protrusion_mm_min: float = 0.7
    """What lies beside bone is calcium only if it stands out from the bone into the artery by this much."""


class CalcificationMeasureSettings(StepSettings):
    """How a lesion's thickness and arc are measured.

    Source: digital tubes, 160 plaques (methods.md).
    """

    KEY = "calcification.measure"
    background_hu: float = 40.0
    """HU of blood and wall around calcium: the base of half maximum.

    Source: physics."""
    psf_mm: float = 1.2
    """In-plane blur of the CT, full width at half maximum; thickness is freed of it. 0: only of the voxel's."""
    radius_voxels_min: float = 1.5
    """Below this lumen radius, in voxels of the cross-section, the arc is marked unreliable."""


class KockelkorenSettings(Section):
    """Points of the Kockelkoren score (PLoS One 2017, 12:e0168360) and what its words mean here.

    Source: Kockelkoren 2017.
    """

    arc_dot: float = 1.0
    """Points of a dot.

    [points] Source: Kockelkoren 2017."""
    arc_points: list[float] = [2.0, 3.0, 4.0]
    """Points of an arc under 90, of 90 to 270, and of 270 to 360 degrees.

    [points] Source: Kockelkoren 2017."""
    dot_length_mm_max: float = 2.0
    """A lesion shorter than this, and with a smaller arc than `dot_arc_deg_max`, is a dot.

    Source: digital tubes, 160 plaques (methods.md)."""
    dot_arc_deg_max: float = 60.0
    """Largest arc of a dot.

    Source: digital tubes, 160 plaques (methods.md)."""
    thick: float = 1.0
    """Points of a thickness of `thick_mm_min` or more.

    [points] Source: Kockelkoren 2017."""
    thin: float = 3.0
    """Points of a smaller thickness.

    [points] Source: Kockelkoren 2017."""
    thick_mm_min: float = 1.5
    """A calcification this thick, mm at half maximum, is thick."""
    indistinguishable: float = 0.0
    """Points of a morphology that is indeterminate (a dot).

    [points] Source: Kockelkoren 2017."""
    irregular: float = 1.0
    """Points of an irregular or patchy morphology.

    [points] Source: Kockelkoren 2017."""
    continuous: float = 4.0
    """Points of a continuous morphology.

    [points] Source: Kockelkoren 2017."""
    continuous_arc_deg_min: float = 90.0
    """An evenly filled lesion is continuous from this arc on.

    Source: digital tubes, 160 plaques (methods.md)."""
    filled_share_min: float = 0.7
    """Fraction of a lesion's angles and length that must be calcified to count as evenly filled.

    Source: digital tubes, 160 plaques (methods.md)."""
    layer_width_min: float = 4.0
    """A continuous lesion follows the wall as a layer: it is at least so many times as wide (arc x radius) as thick.

    [1] Source: digital tubes, 160 plaques (methods.md)."""
    iel_min: float = 7.0
    """Sum from which the calcification lies mainly in the internal elastic lamina; below it, mainly in the intima.

    [points] Source: Kockelkoren 2017."""


class CalcificationGradeSettings(StepSettings):
    """What a lesion's measures are called.

    Source: convention.
    """

    KEY = "calcification.grade"
    spotty_length_mm_max: float = 3.0
    """Spotty: shorter than this ..."""
    spotty_arc_deg_max: float = 90.0
    """... and with a smaller arc than this."""
    kockelkoren: KockelkorenSettings = KockelkorenSettings()


class CalcificationSettings(Section):
    """Calcification: threshold, segmentation, measures and grades of a lesion."""

    count: Count = "sure"
    """Marks in sums, grades and analyses: sure (those that the image or a reader decides), confirmed (those that a
    reader kept or added), all (the candidates, too). What a reader rejected is in none."""
    threshold: CalciumThresholdSettings = CalciumThresholdSettings()
    segment: CalcificationSegmentSettings = CalcificationSegmentSettings()
    measure: CalcificationMeasureSettings = CalcificationMeasureSettings()
    grade: CalcificationGradeSettings = CalcificationGradeSettings()


class SeveritySettings(StepSettings):
    """Woodcock-like grades (0 to 3) and the three severity groups; a patient has the group of the worst artery.

    Source: choice.
    """

    KEY = "severity"
    thick_mm_min: float = 1.5
    """A calcification this thick is thick."""
    continuous_length_mm_min: float = 8.0
    """A calcification this long on its artery is continuous."""
    rule: Literal["grade", "volume", "higher"] = "higher"
    """Group of an artery: by its grade, by its volume, or by the higher of the two."""
    grade_cuts: list[int] = [2, 3]
    """First grade of the moderate and of the severe group.

    [grade] Source: Woodcock 1999."""
    volume_mm3_cuts: list[float] = [50.0, 150.0]
    """First volume of the moderate and of the severe group."""
