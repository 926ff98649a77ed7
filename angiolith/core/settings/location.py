"""Where microbleeds and lacunes lie."""

from __future__ import annotations

from angiolith.core.settings.section import Section, StepSettings


class PlaceSettings(StepSettings):
    """What is lobar, deep or infratentorial.

    Source: MARS (Gregoire 2009).
    """

    KEY = "location.place"
    deep_grey_margin_mm: float = 3.0
    """White matter within this distance of basal ganglia and thalamus is deep: it is their capsules.

    Source: anatomy."""
    periventricular_mm: float = 10.0
    """White matter within this distance of the ventricles is deep, too.

    Source: convention."""


class LocationSettings(Section):
    """Where microbleeds and lacunes lie."""

    place: PlaceSettings = PlaceSettings()
