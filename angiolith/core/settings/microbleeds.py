"""Microbleeds on T2* or SWI."""

from __future__ import annotations

from angiolith.core.settings.section import CertaintySettings, Count, Section, StepSettings
from angiolith.core.settings.tool import ToolSettings


class MicrobleedReviewSettings(StepSettings):
    """What is marked for review.

    Source: choice.
    """

    KEY = "microbleeds.review"
    review_count: int = 50
    """More spots than this are marked for review."""


class MicrobleedDetectSettings(CertaintySettings, StepSettings):
    """What is a microbleed.

    Source: digital heads.
    """

    KEY = "microbleeds.detect"
    diameter_mm_min: float = 2.0
    """Smallest diameter (of the ball of the same volume).

    Source: STRIVE-2 (Duering 2023)."""
    diameter_mm_max: float = 10.0
    """Largest diameter.

    Source: STRIVE-2 (Duering 2023)."""
    contrast_min: float = 0.3
    """Least depth below the surroundings, as a fraction of their level."""
    elongation_max: float = 4.0
    """Largest ratio of the longest to the middle axis: longer spots are vessels."""
    compactness_min: float = 0.3
    """Least volume as a fraction of that of the ball that holds it: branched or bent spots are vessels."""
    background_mm: float = 10.0
    """Sigma of the Gaussian mean that is the surroundings' level."""
    surface_mm: float = 3.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    void_margin_mm: float = 4.0
    """Nothing is looked for nearer than this to a wide signal void (air and bone at the skull base)."""
    calcium_hu_min: float = 90.0
    """A spot whose 90th percentile on the registered CT reaches this is calcium (blood that old is below)."""
    calcium_radius_mm_min: float = 1.5
    """Least radius of the ball in which the CT is looked up."""
    tissue_share_min: float = 0.5
    """A spot where the template's fraction of grey and white matter is less is choroid plexus, falx or pineal."""


class MicrobleedSettings(Section):
    """Microbleeds on T2* or SWI."""

    count: Count = "sure"
    """Microbleeds in counts, change and analyses: sure (those that the image or a reader decides), confirmed (those
    that a reader kept or added), all (the candidates, too). What a reader rejected is in none."""
    detect: MicrobleedDetectSettings = MicrobleedDetectSettings()
    review: MicrobleedReviewSettings = MicrobleedReviewSettings()


class MicrobleedToolSettings(ToolSettings, StepSettings):
    """Another tool that finds microbleeds in place of the built-in detector.

    Source: definition.
    """

    KEY = "cmb_tool"
    command: str | None = None
    """Command line, e.g. `docker run --rm -v {folder}:{folder} IMAGE --swi {image} --output {mask}`. Put in are {image}
    (the SWI, else the T2*), {mask} (NIfTI to be written on its grid; connected voxels are one microbleed) and {folder}
    (scratch that holds them). A spot that is calcium on the registered CT is excluded here, too."""
