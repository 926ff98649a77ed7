"""The calcium threshold at other tube voltages: 130 HU is defined at 120 kVp, and calcium is denser at a lower one."""

from __future__ import annotations

from angiolith.core.image_checks import KVP_OF_130_HU
from angiolith.core.settings.calcification import CalciumThresholdSettings

# [kVp: HU] What is as dense at these tube voltages as 130 HU at 120 kVp. Source: thresholds of coronary calcium after
# Grani 2018 (Eur Heart J Cardiovasc Imaging 19:1362), as the open package CalciumScoring.jl has them; none is known
# here for 135, 140 or 150 kVp, nor for arteries of the head.
PUBLISHED_HU = {70: 207.0, 80: 177.0, 100: 145.0, 120: 130.0}


def kvp_scale(kvp: float | None, threshold: CalciumThresholdSettings) -> tuple[float, str | None]:
    """Factor of every threshold of calcium at this tube voltage, and what to report of it.

    The factor is 1 unless `at_other_kvp` is `published`, and where nothing is published.

    Parameters
    ----------
    kvp : float | None
        Tube voltage, kV; None where unknown.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.

    Returns
    -------
    tuple[float, str | None]
        The factor, and a sentence for the reader or None.
    """
    if threshold.at_other_kvp != "published" or kvp == KVP_OF_130_HU:
        return 1.0, None
    kept = f"{threshold.hu_min:g} HU kept as the threshold of calcium"
    if kvp is None:
        return 1.0, f"tube voltage unknown: {kept}"
    found = PUBLISHED_HU.get(round(kvp))
    if found is None:
        return 1.0, f"no threshold is published for {kvp:g} kVp: {kept}"
    scale = found / PUBLISHED_HU[round(KVP_OF_130_HU)]
    return scale, f"{kvp:g} kVp: threshold of calcium {scale * threshold.hu_min:.0f} HU (published scaling)"
