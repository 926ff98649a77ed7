"""The threshold of calcium at other tube voltages: kept, or scaled as published; unknown is unknown."""

import numpy as np
import pytest

from angiolith.calcification.scoring import agatston_equivalent
from angiolith.calcification.tube_voltage import kvp_scale
from angiolith.core.settings.calcification import CalciumThresholdSettings

PUBLISHED = CalciumThresholdSettings(at_other_kvp="published")


@pytest.mark.parametrize(
    ("kvp", "hu_min", "told"),
    [
        (120.0, 130.0, None),
        (100.0, 145.0, "100 kVp: threshold of calcium 145 HU"),
        (80.0, 177.0, "published scaling"),
        (140.0, 130.0, "no threshold is published for 140 kVp: 130 HU kept"),
        (None, 130.0, "tube voltage unknown: 130 HU kept"),
    ],
)
def test_published_thresholds_are_used_where_there_are_any(kvp, hu_min, told):
    scale, text = kvp_scale(kvp, PUBLISHED)
    assert scale * PUBLISHED.hu_min == pytest.approx(hu_min)
    assert (text is None) if told is None else told in text


def test_by_default_nothing_is_scaled():
    assert kvp_scale(80.0, CalciumThresholdSettings()) == (1.0, None)


def test_the_agatston_steps_are_scaled_too():
    """One pixel of 210 HU in 3 mm slices: weight 2 at 120 kVp, 1 at 100 kVp, where the second step is 223 HU."""
    ct = np.full((3, 3, 2), 40.0)
    ct[1, 1, 0] = 210
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    scale = kvp_scale(100.0, PUBLISHED)[0]
    assert agatston_equivalent(ct, ct > 130, affine) == pytest.approx(2.0)
    assert agatston_equivalent(ct, ct > 130, affine, scale) == pytest.approx(1.0)
