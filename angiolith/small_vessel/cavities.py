"""Lacune or perivascular space: one rule, used by both.

STRIVE-2 (Duering 2023): a lacune is round or ovoid and 3 to 15 mm across; a perivascular space is under 3 mm across, or
elongated along its vessel.
"""

from __future__ import annotations

from angiolith.core.settings.lacunes import LacuneDetectSettings


def is_perivascular(diameter_mm: float, elongation: float, settings: LacuneDetectSettings) -> bool:
    """Whether a fluid-like spot in tissue is a perivascular space, not a lacune.

    Parameters
    ----------
    diameter_mm : float
        Diameter of the ball of the same volume, mm.
    elongation : float
        Longest by middle axis.
    settings : LacuneDetectSettings
        Section `lacunes.detect`.

    Returns
    -------
    bool
        True for a perivascular space.
    """
    return elongation > settings.elongation_max or diameter_mm < settings.diameter_mm_min
