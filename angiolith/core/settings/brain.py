"""Brain mask, intracranial volume and tissue classes."""

from __future__ import annotations

from angiolith.core.settings.section import StepSettings
from angiolith.core.settings.tool import ToolSettings


class BrainSettings(StepSettings):
    """What a segmented brain must satisfy; outside these limits it is refused with the reason.

    Source: anatomy.
    """

    KEY = "brain"
    volume_cm3_min: float = 850.0
    """Smallest brain, with its ventricles and the fluid within the dura, of an adult whose head is not cut."""
    volume_cm3_max: float = 2000.0
    """Largest one."""
    partial_cm3_min: float = 60.0
    """Smallest part of a brain that an image with a cut field of view may show."""
    ventricle_fraction_max: float = 0.3
    """Largest part of the brain that ventricles may fill."""
    side_ratio_max: float = 1.5
    """Largest ratio of the volumes on either side of the middle plane, where both sides are in the image."""
    skin_fraction_max: float = 0.2
    """Largest part of the brain's surface that may lie within 4 mm of the air around the head."""
    shallow_fraction_max: float = 0.2
    """Largest part of the ventricles that may lie within 4 mm of the brain's surface."""
    doubtful_fraction_max: float = 0.25
    """Largest part of the brain, by volume, where the network is undecided (probability between 0.25 and 0.75).

    Source: choice."""


class BrainToolSettings(ToolSettings, StepSettings):
    """Another tool that masks the brain in place of the built-in networks; a mask of the user's takes precedence.

    The networks still tell the tissues within that mask. Source: definition.
    """

    KEY = "brain_tool"
    command: str | None = None
    """Command line, e.g. `mri_synthstrip -i {image} -m {mask}`. Put in are {image} (the session's reference image, or
    its FLAIR), {mask} (NIfTI to be written on the image's grid) and {folder} (scratch that holds them all)."""
