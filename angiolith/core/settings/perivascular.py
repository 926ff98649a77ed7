"""Perivascular spaces on T2w or T1w."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from angiolith.core.settings.section import Count, Section, StepSettings
from angiolith.core.settings.tool import ToolSettings


class PvsDetectSettings(StepSettings):
    """What is a perivascular space. Levels are 0 in the tissue around and 1 in fluid.

    Source: digital heads.
    """

    KEY = "perivascular.detect"
    voxel_mm_max: float = 1.5
    """An image with a longer voxel edge is refused: a space of 1 to 3 mm is lost in it.

    Source: digital heads."""
    level_min: float = 0.2
    """Least level at the brightest voxel of a space.

    [1] Source: digital heads."""
    ridge_min: float = 0.08
    """Least ridge (second largest curvature, at the best scale) at a space's middle, in levels.

    [1] Source: digital heads."""
    ridge_mads: float = 6.0
    """The ridge also stands out of the region's noise by so many median absolute deviations.

    [MAD] Source: digital heads."""
    volume_mm3_min: float = 3.0
    """Smaller spots are noise."""
    width_mm_max: float = 3.0
    """Wider ones are sulci, lacunes or cysts.

    Source: STRIVE-2 (Duering 2023)."""
    purity_min: float = 0.7
    """Least part of a voxel's surroundings that has white matter's level, in the centrum semiovale.

    [1] Source: digital heads."""
    ventricle_margin_mm: float = 2.0
    """Least distance from the ventricles."""
    cortex_margin_mm: float = 2.0
    """Least distance of white matter from the cortex: the ends of sulci lie nearer."""
    capsule_mm: float = 4.0
    """White matter within this distance of the deep grey matter belongs to the basal ganglia's region."""
    slab_mm: float = 4.0
    """Thickness of the axial slab in which spaces are counted, as a clinical slice has.

    Source: choice."""


class PvsGradeSettings(StepSettings):
    """Grade from the count on the fuller side of the fullest slice.

    Source: Potter 2015.
    """

    KEY = "perivascular.grade"
    potter: list[int] = [1, 11, 21, 41]
    """Counts from which the grade is 1, 2, 3 and 4.

    [number] Source: Potter 2015."""

    @field_validator("potter")
    @classmethod
    def four(cls, given: list[int]) -> list[int]:
        if len(set(given)) != 4:
            raise ValueError("give four different numbers")
        return given


class PerivascularSettings(Section):
    """Perivascular spaces on T2w or T1w."""

    run: bool = False
    """Whether they are looked for: off until their accuracy on real scans is known (docs/perivascular_accuracy.md).

    [choice] Source: choice."""
    count: Count = "sure"
    """Perivascular spaces in counts, grades and volumes: sure (those that the image or a reader decides), confirmed
    (those that a reader kept or added), all. What a reader rejected is in none."""
    detect: PvsDetectSettings = PvsDetectSettings()
    grade: PvsGradeSettings = PvsGradeSettings()


class PvsToolSettings(ToolSettings, StepSettings):
    """Another tool that finds perivascular spaces in place of the built-in detector; with it they are looked for.

    Source: definition.
    """

    KEY = "pvs_tool"
    command: str | None = None
    """Command line. Put in are {image} (as `image` says), {T1w}, {T2w}, {FLAIR}, {mask} (NIfTI to be written on the
    grid of {image}; connected voxels are one space) and {folder} (scratch that holds them all)."""
    image: Literal["T1w", "T2w"] = "T1w"
    """The image on whose grid the mask lies."""
