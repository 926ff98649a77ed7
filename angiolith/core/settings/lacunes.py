"""Lacunes on FLAIR and T1w."""

from __future__ import annotations

from angiolith.core.settings.section import CertaintySettings, Count, Section, StepSettings
from angiolith.core.settings.tool import ToolSettings


class LacuneReviewSettings(StepSettings):
    """What is marked for review.

    Source: choice.
    """

    KEY = "lacunes.review"
    review_count: int = 20
    """More spots than this are marked for review."""


class LacuneDetectSettings(CertaintySettings, StepSettings):
    """What is a lacune. Levels are 0 at CSF and 1 at white matter.

    Source: digital heads.
    """

    KEY = "lacunes.detect"
    bias_voxel_mm: float = 8.0
    """Voxel size of the copy on which shading is estimated (N4).

    Source: numerics."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels.

    Source: numerics."""
    diameter_mm_min: float = 3.0
    """Smallest diameter (of the ball of the same volume); smaller ones are perivascular spaces.

    Source: STRIVE-2 (Duering 2023)."""
    diameter_mm_max: float = 15.0
    """Largest diameter.

    Source: STRIVE-2 (Duering 2023)."""
    t1w_level_max: float = 0.65
    """Highest level on T1w at the middle of a lacune."""
    flair_level_max: float = 1.0
    """Highest level on FLAIR of the darkest tenth: thick slices mix it with tissue."""
    elongation_max: float = 2.0
    """Largest ratio of the longest to the middle axis: longer spots are perivascular spaces."""
    tissue_around_min: float = 0.3
    """Least fraction of white matter, deep grey matter or hyperintensity 1 to 3 mm around: sulci end among cortex.

    [1] Source: digital heads."""
    sure_voxels_min: float = 2.0
    """A spot whose diameter is less than this many times the longest edge of the T1w's voxels is a candidate: it is not
    resolved, and a sulcus or a perivascular space looks the same.

    [voxels] Source: physics, the sampling theorem."""
    surface_mm: float = 4.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    ventricle_margin_mm: float = 3.0
    """Least distance from the ventricles."""


class LacuneSettings(Section):
    """Lacunes on FLAIR and T1w."""

    count: Count = "sure"
    """Lacunes in counts, change and analyses: sure (those that the image or a reader decides), confirmed (those
    that a reader kept or added), all (the candidates, too). What a reader rejected is in none."""
    detect: LacuneDetectSettings = LacuneDetectSettings()
    review: LacuneReviewSettings = LacuneReviewSettings()


class LacuneToolSettings(ToolSettings, StepSettings):
    """Another tool that finds lacunes in place of the built-in detector.

    Source: definition.
    """

    KEY = "lacune_tool"
    command: str | None = None
    """Command line. Put in are {FLAIR}, {T1w}, {mask} (NIfTI to be written on the FLAIR's grid; connected voxels are
    one lacune) and {folder} (scratch that holds them all)."""
