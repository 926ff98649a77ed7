"""Where the arteries are looked for on the CT."""

from __future__ import annotations

from typing import Literal

from angiolith.core.settings.section import Section, StepSettings
from angiolith.core.settings.tool import ToolSettings


class ArteryRegionSettings(StepSettings):
    """The region about a centreline in which calcium is looked for.

    Source: digital heads.
    """

    KEY = "arteries.region"
    wall_margin_mm: float = 1.2
    """Calcium is looked for this far outside the lumen: wall and blooming."""
    search_sds: float = 1.0
    """The tube around a centreline is wider than lumen and wall by this many standard deviations of its position."""


class ArteryMapSettings(StepSettings):
    """Where the centrelines come from, and how sure their position is.

    Source: digital heads.
    """

    KEY = "arteries.map"
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
    """Arteries that a mask or an angiogram does not show are taken from the atlas (the lookup table states which)."""
    angio_mads: float = 6.0
    """Angiogram: a vessel stands at least this many median absolute deviations above the tissue.

    [MAD] Source: digital heads."""
    angio_share_min: float = 0.3
    """An artery of which less than this fraction of the atlas' expected volume shows on the angiogram is not taken."""


class ArterySettings(Section):
    """Where the arteries are looked for on the CT."""

    region: ArteryRegionSettings = ArteryRegionSettings()
    map: ArteryMapSettings = ArteryMapSettings()


class ArteryToolSettings(ToolSettings, StepSettings):
    """Another tool that segments the arteries, on the CT or an angiogram; a mask of the user's takes precedence.

    Source: definition.
    """

    KEY = "artery_tool"
    command: str | None = None
    """Command line, e.g. `TotalSegmentator -i {ct} -o {masks} -ta headneck_bones_vessels`. Put in are {ct}, {angio},
    {mask} (label map to be written), {lookup} (its dseg.tsv, columns index and name; without one the numbers are
    TopCoW's), {masks} (folder to be filled with one mask per artery, named as the artery) and {folder} (scratch that
    holds them all)."""
    image: Literal["ct", "angio"] = "ct"
    """The image in whose space the tool's masks lie."""
    sd_mm: float = 1.0
    """Standard deviation of the position of a centreline from the tool's mask: measure it on your own images. Calcium
    that touches bone counts only up to 0.5 mm.

    [mm] Source: choice; a tool's error is not known here."""
