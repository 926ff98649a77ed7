"""What the scanner shows of a lumen and a wall on a cross-section, and the curves that explain a section best.

A scanner samples k-space within a box, +-1 / (2 voxel) along each axis of the acquired matrix, so that its point spread
is a product of sincs and no Gaussian (Haacke et al., Magnetic Resonance Imaging, 1999, chapter 13). Of a vessel that
changes little along its axis over a voxel, a plane across it shows the sharp plane filtered by the box's own section
with that plane (the Fourier slice theorem): a polygon in k-space, known from the voxel and the plane's direction.
"""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.optimize import OptimizeResult, least_squares

# [mm] Grid on which curves are drawn before their k-space is cut. Source: numerics.
RENDER_MM = 0.1
# [mm] Half width of a section. Source: digital tubes.
FIELD_MM = 5.0
# [mm] Parameters are shifted by this, so that a step of their differences is one of mm. Source: numerics.
AWAY_FROM_ZERO = 5.0
# [mm] Step of those differences. Source: numerics.
STEP_MM = 0.03
# [number] Most evaluations of a fit. Source: numerics.
MOST_STEPS = 8
# [mm] Second harmonic, and half the change from the section before, that cost as much as one SD of noise. Source:
# digital tubes.
SHAPE_COST = 0.15
# [mm] A thinner wall costs. Source: anatomy.
WALL_MM_MIN = 0.2
# [samples] Keeps a level without samples at 0. Source: numerics.
RIDGE = 1e-3
# [number] Curves whose picture is kept: a step of one curve leaves the other as it is. Source: numerics.
KEPT = 8
# [voxels] Beyond the outer wall: what lies farther off is no longer described by its direction. Source: digital tubes.
NEARBY_VOXELS = 1.3
# [1] Noise and texture as a fraction of a section's own spread. Source: digital tubes.
NOISE_FRACTION = 0.1
# [mm] Lower bounds of the parameters of lumen and outer wall: centre (x, y), radius, second harmonic (cos, sin).
# Source: anatomy.
LOW = np.array([-3, -3, 0.15, -0.6, -0.6, -3, -3, 0.6, -0.6, -0.6])
# [mm] Upper bounds of the same. Source: anatomy.
HIGH = np.array([3, 3, 3.5, 0.6, 0.6, 3, 3, 5.0, 0.6, 0.6])


def passed(axes: np.ndarray, voxel_axes: np.ndarray, voxel_mm: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Which frequencies (n, n), cycles / mm along the two axes (2, 3) of a plane, the acquired matrix holds.

    Parameters
    ----------
    axes : np.ndarray
        Axes (2, 3) of the plane, unit vectors.
    voxel_axes : np.ndarray
        Axes (3, 3) of the image, rows, unit vectors.
    voxel_mm : np.ndarray
        Acquired voxel edges (3,), mm.
    frequencies : np.ndarray
        Frequencies (n,), cycles/mm.

    Returns
    -------
    np.ndarray
        Booleans (n, n).
    """
    wave = frequencies[:, None, None] * axes[0] + frequencies[None, :, None] * axes[1]
    return (np.abs(wave @ voxel_axes.T) <= 1 / (2 * np.asarray(voxel_mm)) + 1e-9).all(axis=-1)


def inside_mm(curve: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How far (mm) places (..., 2) lie inside a curve: centre (x, y), radius and its second harmonic (cos, sin).

    Parameters
    ----------
    curve : np.ndarray
        Parameters (5,): centre, radius and its second harmonic, mm.
    places : np.ndarray
        Places (..., 2), mm.

    Returns
    -------
    np.ndarray
        Distances (...), mm; negative outside.
    """
    x, y = places[..., 0] - curve[0], places[..., 1] - curve[1]
    square = np.maximum(x * x + y * y, 1e-9)
    harmonic = (curve[3] * (x * x - y * y) + curve[4] * 2 * x * y) / square
    return curve[2] + harmonic - np.sqrt(square)


def rician_mean(signal: np.ndarray, noise: float) -> np.ndarray:
    """Mean magnitude of a signal with complex noise (SD of each part): Koay and Basser, J Magn Reson 2006;179:317-22.

    sigma sqrt(pi / 2) L(-s^2 / (2 sigma^2)), L the Laguerre polynomial of degree 1/2, by Bessel functions.

    Parameters
    ----------
    signal : np.ndarray
        Signal without noise (n,).
    noise : float
        SD of each part of the complex noise.

    Returns
    -------
    np.ndarray
        Mean magnitude (n,).
    """
    x = np.square(signal / noise) / 4
    return noise * np.sqrt(np.pi / 2) * ((1 + 2 * x) * special.i0e(x) + 2 * x * special.i1e(x))


class SectionModel:
    """A plane across the vessel as the scanner shows it: curves drawn finely, their k-space cut, then sampled.

    axes: (2, 3), of the plane; voxel_axes, voxel_mm: as in `passed`.
    """

    def __init__(self, axes: np.ndarray, voxel_axes: np.ndarray, voxel_mm: np.ndarray) -> None:
        n = round(2 * FIELD_MM / RENDER_MM)
        ticks = (np.arange(n) - n // 2) * RENDER_MM
        every = max(1, round(float(np.mean(voxel_mm)) / 2 / RENDER_MM))  # two samples a voxel
        self.nearby_mm = NEARBY_VOXELS * float(np.mean(voxel_mm))
        self.grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
        self.places = self.grid[::every, ::every].reshape(-1, 2)
        highest = int(np.ceil(np.sqrt(3) / 2 / np.min(voxel_mm) * n * RENDER_MM))
        waves = np.arange(-highest, highest + 1) / (n * RENDER_MM)
        self.mask = passed(axes, voxel_axes, voxel_mm, waves)
        self.forward = np.exp(-2j * np.pi * waves[:, None] * ticks) / n
        self.back = np.exp(2j * np.pi * ticks[::every, None] * waves)
        self.every = every
        self._known: dict[bytes, np.ndarray] = {}

    def shown(self, curve: np.ndarray) -> np.ndarray:
        """Share (n,) of what lies within a curve (5,), at the samples.

        Parameters
        ----------
        curve : np.ndarray
            Parameters (5,): centre, radius and its second harmonic, mm.

        Returns
        -------
        np.ndarray
            Fractions (n,), 0 to 1.
        """
        key = curve.tobytes()
        if key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            sharp = np.clip(inside_mm(curve, self.grid) / RENDER_MM + 0.5, 0, 1)
            spectrum = (self.forward @ sharp @ self.forward.T) * self.mask
            self._known[key] = (self.back @ spectrum @ self.back.T).real.ravel()
        return self._known[key]

    def design(self, curves: np.ndarray) -> np.ndarray:
        """Shares (n, 9) at the samples, for two curves (10,): lumen, wall (level, tilt), surroundings (to 2 theta).

        What lies beside a vessel, and how bright its wall is, differ from side to side: by angle about the outer
        wall's centre the surroundings follow a series of two harmonics, the wall's signal a tilt.

        Parameters
        ----------
        curves : np.ndarray
            Parameters (10,) of lumen and outer wall, mm.

        Returns
        -------
        np.ndarray
            Design matrix (n, 9).
        """
        lumen, outer = self.shown(curves[:5]), self.shown(curves[5:])
        x, y = (self.places - curves[5:7]).T
        angle, tilt = np.arctan2(y, x), np.minimum(np.hypot(x, y) / curves[7], 1)
        wall, beside = outer - lumen, 1 - outer
        columns = [lumen, wall, wall * tilt * np.cos(angle), wall * tilt * np.sin(angle), beside]
        for order in (1, 2):
            columns += [beside * np.cos(order * angle), beside * np.sin(order * angle)]
        return np.stack(columns, axis=1)

    def used(self, curves: np.ndarray) -> np.ndarray:
        """The samples (n,) that count: the vessel and what is close to it.

        Parameters
        ----------
        curves : np.ndarray
            Parameters (10,) of lumen and outer wall, mm.

        Returns
        -------
        np.ndarray
            Booleans (n,).
        """
        return np.linalg.norm(self.places - curves[5:7], axis=1) < curves[7] + self.nearby_mm

    def levels(self, values: np.ndarray, curves: np.ndarray) -> np.ndarray:
        """Grey levels of the design's parts.

        Parameters
        ----------
        values : np.ndarray
            Signal (n,) at the samples.
        curves : np.ndarray
            Parameters (10,) of lumen and outer wall, mm.

        Returns
        -------
        np.ndarray
            Grey levels (9,).
        """
        used = self.used(curves)
        return np.linalg.lstsq(self.design(curves)[used], values[used], rcond=None)[0]

    def noise(self, values: np.ndarray, curves: np.ndarray) -> float:
        """Standard deviation of what the curves leave unexplained.

        Parameters
        ----------
        values : np.ndarray
            Signal (n,) at the samples.
        curves : np.ndarray
            Parameters (10,) of lumen and outer wall, mm.

        Returns
        -------
        float
            Standard deviation, in units of the signal.
        """
        used = self.used(curves)
        return float(np.std((values - self.design(curves) @ self.levels(values, curves))[used]))

    def floor(self, values: np.ndarray, curves: np.ndarray, noise: float) -> np.ndarray:
        """What noise adds to each sample of a magnitude image: the mean of Rice's distribution less the signal.

        Parameters
        ----------
        values : np.ndarray
            Signal (n,) at the samples.
        curves : np.ndarray
            Parameters (10,) of lumen and outer wall, mm.
        noise : float
            SD of the noise.

        Returns
        -------
        np.ndarray
            Offsets (n,).
        """
        signal = self.design(curves) @ self.levels(values, curves)
        return rician_mean(signal, noise) - signal

    def fit(
        self, values: np.ndarray, start: np.ndarray, around: np.ndarray | None, blood: float | None = None
    ) -> OptimizeResult:
        """Least squares of two curves' parameters (10) to a section; grey levels follow linearly at every step.

        Parameters
        ----------
        values : np.ndarray
            Signal (n,) at the samples.
        start : np.ndarray
            First parameters (10,), mm.
        around : np.ndarray | None
            Parameters (10,) of the section before, or None.
        blood : float | None
            Grey level of the lumen, or None.

        Returns
        -------
        OptimizeResult
            SciPy's result; `x` holds the parameters (10,).
        """
        used = self.used(start)
        noise = max(1e-6, NOISE_FRACTION * float(np.std(values[used]))) * np.sqrt(self.every)

        def rest(shifted: np.ndarray) -> np.ndarray:
            curves = shifted - AWAY_FROM_ZERO
            design, target = self.design(curves)[used], values[used]
            if blood is not None:
                target, design = target - blood * design[:, 0], design[:, 1:]
            normal = design.T @ design + RIDGE * np.eye(design.shape[1])
            misfit = (target - design @ np.linalg.solve(normal, design.T @ target)) / noise
            harmonics = curves[[3, 4, 8, 9]] / SHAPE_COST
            change = np.zeros(10) if around is None else (curves - around) / (2 * SHAPE_COST)
            room = curves[7] - curves[2] - np.linalg.norm(curves[:2] - curves[5:7]) - WALL_MM_MIN
            return np.concatenate([misfit, harmonics, change, [min(room, 0) / RENDER_MM]])

        first = np.clip(start, LOW + 1e-3, HIGH - 1e-3) + AWAY_FROM_ZERO
        bounds = (LOW + AWAY_FROM_ZERO, HIGH + AWAY_FROM_ZERO)
        fit = least_squares(rest, first, bounds=bounds, diff_step=STEP_MM / AWAY_FROM_ZERO, max_nfev=MOST_STEPS)
        fit.x = fit.x - AWAY_FROM_ZERO
        return fit
