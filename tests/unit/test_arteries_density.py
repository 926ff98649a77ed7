"""From which density a voxel is calcium, on plain and on contrast-enhanced CT."""

import math

import pytest

from angiolith.arteries.density import calcium_hu_min, is_enhanced
from angiolith.core.settings.calcification import CalciumThresholdSettings

THRESHOLD = CalciumThresholdSettings(hu_min=130.0, contrast_hu_min=100.0, adaptive_hu_above_lumen=150.0)


@pytest.mark.parametrize(
    ("lumen_hu", "enhanced", "hu_min"),
    [(40.0, False, 130.0), (99.9, False, 130.0), (100.0, True, 250.0), (300.0, True, 450.0), (math.nan, False, 130.0)],
)
def test_enhanced_blood_raises_the_threshold(lumen_hu, enhanced, hu_min):
    assert is_enhanced(lumen_hu, THRESHOLD) is enhanced
    assert calcium_hu_min(lumen_hu, THRESHOLD) == hu_min
