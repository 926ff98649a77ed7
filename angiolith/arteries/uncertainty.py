"""How well is the place of a fitted line known? Measured from the votes of its cross-sections.

The votes are costs: the logarithm of how likely an artery is at every offset, up to its sign. Forward and backward
passes along the line give the probability of each offset in each cross-section (Rabiner 1989, Proc IEEE 77:257), of
which the path that was taken is the middle of a narrow peak, or of one among several.
"""

from __future__ import annotations

import numpy as np

# [sections] So many neighbours tell one thing, so each counts for a part. Source: geometry, they lie 1.5 mm apart and
# see the same disc, ring and canal over about 6 mm.
SECTIONS_THAT_AGREE = 4.0
# [1] Fraction of the distance a line was moved that counts as doubt. Source: digital heads (four, CT alone), where the
# SD then covers the errors of carotid, basilar and vertebral arteries twice over.
MOVED_FRACTION = 0.25
# [1] Least probability before its logarithm. Source: floating point.
LEAST = 1e-300


def position_sd_mm(
    cost: np.ndarray, prior: np.ndarray, path: np.ndarray, offsets_mm: np.ndarray, bend: float, prior_mm: np.ndarray
) -> np.ndarray:
    """Standard deviation (planes,) of the line's place on one axis, mm.

    It shrinks as the spread of the offsets about the path does, so it stays where nothing votes; a quarter of the way
    that the path lies off the start is added in squares. Never more than before.

    Parameters
    ----------
    cost : np.ndarray
        Costs (planes, n, n): votes and prior.
    prior : np.ndarray
        The prior's part of the cost, same shape.
    path : np.ndarray
        Indices (planes, 2) of the offsets taken.
    offsets_mm : np.ndarray
        Offsets (n,), mm.
    bend : float
        Step between planes that costs 1/2, pixels.
    prior_mm : np.ndarray
        SD before the fit (planes,), mm.

    Returns
    -------
    np.ndarray
        SD (planes,), mm.
    """
    taken = offsets_mm[path]
    spread, nothing = (
        _mean_square_mm2(offset_probability(votes / SECTIONS_THAT_AGREE, bend), middle, offsets_mm)
        for votes, middle in ((cost, taken), (np.broadcast_to(prior, cost.shape), np.zeros_like(taken)))
    )
    moved_mm2 = MOVED_FRACTION**2 * (taken**2).sum(axis=1) / 2
    return np.minimum(np.sqrt(prior_mm**2 * spread / nothing + moved_mm2), prior_mm)


def _mean_square_mm2(chance: np.ndarray, middle_mm: np.ndarray, offsets_mm: np.ndarray) -> np.ndarray:
    """Mean squared distance (planes,) of offsets from a middle (planes, 2), by their probability."""
    first, second = (np.square(offsets_mm[None] - middle_mm[:, axis, None]) for axis in range(2))
    return np.asarray((chance * (first[:, :, None] + second[:, None])).sum(axis=(1, 2)))


def offset_probability(cost: np.ndarray, bend: float) -> np.ndarray:
    """Probability (planes, n, n) of every offset, given the costs of all cross-sections and of the bends between.

    Parameters
    ----------
    cost : np.ndarray
        Costs (planes, n, n): votes and prior.
    bend : float
        Step between planes that costs 1/2, pixels.

    Returns
    -------
    np.ndarray
        Probability (planes, n, n); each plane sums to 1.
    """
    index = np.arange(cost.shape[1])
    step = np.exp(-((index[:, None] - index[None]) ** 2) / (2 * bend**2))

    def passed_on(message: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(step @ np.exp(message - message.max()) @ step, LEAST))

    ahead, behind = -cost.copy(), np.zeros(cost.shape)
    for plane in range(1, len(cost)):
        ahead[plane] += passed_on(ahead[plane - 1])
    for plane in range(len(cost) - 2, -1, -1):
        behind[plane] = passed_on(behind[plane + 1] - cost[plane + 1])
    both = ahead + behind
    chance = np.exp(both - both.max(axis=(1, 2), keepdims=True))
    return np.asarray(chance / chance.sum(axis=(1, 2), keepdims=True))
