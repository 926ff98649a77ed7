"""Scores of the burden of small-vessel disease."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from angiolith.core.settings.section import Section, StepSettings


class SvdScoreSettings(StepSettings):
    """Total SVD score: one point each for WMH, lacunes, microbleeds and perivascular spaces of the basal ganglia.

    Source: Staals 2014.
    """

    KEY = "burden.svd_score"
    fazekas_deep_min: int = 2
    """Deep Fazekas grade from which WMH give their point.

    [grade] Source: Staals 2014."""
    fazekas_periventricular_min: int = 3
    """Periventricular Fazekas grade from which they give it, too.

    [grade] Source: Staals 2014."""
    lacunes_min: int = 1
    """Number of lacunes that gives a point.

    [number] Source: Staals 2014."""
    microbleeds_min: int = 1
    """Number of microbleeds that gives a point.

    [number] Source: Staals 2014."""
    microbleeds: Literal["deep", "any"] = "deep"
    """Which microbleeds: deep and infratentorial ones, or any.

    [choice] Source: Staals 2014."""
    pvs_basal_ganglia_grade_min: int = 2
    """Potter grade of the basal ganglia that gives a point; 2: more than 10 in the fullest slice.

    [grade] Source: Staals 2014."""


class CaaScoreSettings(StepSettings):
    """CAA score: lobar microbleeds and cortical superficial siderosis up to two points each, PVS and WMH one each.

    Source: Charidimou 2016.
    """

    KEY = "burden.caa_score"
    lobar_microbleeds: list[int] = [2, 5]
    """Number of lobar microbleeds from which they give one point, and two.

    [number] Source: Charidimou 2016."""
    pvs_centrum_semiovale_grade_min: int = 3
    """Potter grade of the centrum semiovale that gives a point; 3: more than 20 in the fullest slice.

    [grade] Source: Charidimou 2016."""
    fazekas_deep_min: int = 2
    """Deep Fazekas grade from which WMH give their point.

    [grade] Source: Charidimou 2016."""
    fazekas_periventricular_min: int = 3
    """Periventricular Fazekas grade from which they give it, too.

    [grade] Source: Charidimou 2016."""

    @field_validator("lobar_microbleeds")
    @classmethod
    def two_steps(cls, given: list[int]) -> list[int]:
        if len(set(given)) != 2:
            raise ValueError("give two different numbers")
        return given


class BurdenSettings(Section):
    """Scores of the burden of small-vessel disease."""

    svd_score: SvdScoreSettings = SvdScoreSettings()
    caa_score: CaaScoreSettings = CaaScoreSettings()
