"""A session's diffusion: the DWI of one b-value and the ADC, from a series with b-values, or a trace image and a map.

ADC = ln(S0 / Sb) / b (Stejskal and Tanner 1965). Makers store ADC maps in several units; the unit is found from the
brain's median, and a map that fits none is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from angiolith.core.images import Image, is_same_grid, resample
from angiolith.core.series import mean_of

# [s/mm2] Of several b-values the nearest to this is used: of a much higher one the ADC is lower. Source: convention.
B_USUAL = 1000.0
# [s/mm2] Volumes of at most this b-value are without diffusion weighting. Source: convention.
B_NONE_MAX = 50.0
# [1] b-values that differ by a smaller fraction are one. Source: convention.
B_ALIKE = 0.1
# [mm2/s] Units in which makers store ADC maps. Source: from memory of makers' files; made images alone were tried.
UNITS_MM2_S = (1.0, 1e-3, 1e-5, 1e-6)
# [mm2/s] Median ADC of a brain's tissue. Source: physiology, 0.7e-3 to 0.9e-3; more where the old brain's fluid joins.
TISSUE_ADC = (0.5e-3, 1.5e-3)
# [mm2/s] Median ADC of the ventricles; water at body temperature has 3.0e-3. Source: physics.
FLUID_ADC = (1.5e-3, 5.0e-3)
# [voxels] Fewer voxels of ventricle do not tell the fluid's ADC. Source: numerics.
FLUID_VOXELS_MIN = 20


class DiffusionError(ValueError):
    """A session's diffusion images cannot be measured; the message says why."""


@dataclass(frozen=True)
class Diffusion:
    """DWI (any unit) and ADC (unit of its file where it was given, else mm2/s) on one grid."""

    dwi: Image
    adc: np.ndarray
    """Values on the grid of `dwi`; NaN outside of a given map."""
    b_s_mm2: float | None
    """b-value of the DWI; None for a trace image without a .bval."""
    computed: bool
    """Whether the ADC was computed from the series."""


def read_b_values(path: str | Path, n_volumes: int) -> list[float]:
    """The b-values of a series.

    Parameters
    ----------
    path : str or Path
        A .bval file: numbers, s/mm2, divided by blanks.
    n_volumes : int
        Volumes of the series.

    Returns
    -------
    list of float
        One for each volume, s/mm2.

    Raises
    ------
    DiffusionError
        For a file that holds no numbers, or another count.
    """
    name = Path(path).name
    try:
        values = [float(word) for word in Path(path).read_text(encoding="utf-8").split()]
    except (OSError, ValueError):
        raise DiffusionError(f"{name} holds no b-values; convert the series again from DICOM") from None
    if len(values) != n_volumes:
        raise DiffusionError(f"{name} holds {len(values)} b-values, the series {n_volumes} volumes")
    return values


def diffusion_of(
    volumes: Sequence[Image], b_values: Sequence[float] | None, given_adc: Image | None, b_min: float
) -> Diffusion:
    """DWI and ADC of a session.

    The given map is taken, else the ADC is computed. Without one of both nothing can be measured: what is bright on DWI
    may be so by its T2 alone.

    Parameters
    ----------
    volumes : sequence of Image
        The series, or one trace image.
    b_values : sequence of float or None
        Of the volumes, s/mm2; None where there is no .bval.
    given_adc : Image or None
        The scanner's ADC map, in any of UNITS_MM2_S.
    b_min : float
        Least b-value of a DWI, s/mm2.

    Returns
    -------
    Diffusion
        DWI and ADC on the series' grid.

    Raises
    ------
    DiffusionError
        Without b-values of a series, without a b-value that is high enough, and without an ADC.
    """
    if b_values is None:
        if len(volumes) > 1:
            raise DiffusionError(f"{len(volumes)} volumes and no .bval beside them: which is the DWI is not known")
        dwi, plain, b_high = volumes[0], None, None
    else:
        b = np.asarray(b_values, float)
        if b.max() < b_min:
            raise DiffusionError(f"the highest b-value is {b.max():g} s/mm2; at least {b_min:g} is needed")
        high = b[b >= b_min]
        chosen = high[np.abs(high - B_USUAL).argmin()]
        shell = np.flatnonzero((b >= b_min) & (np.abs(b - chosen) <= B_ALIKE * chosen))
        b_high = float(b[shell].mean())
        without = np.flatnonzero(b <= B_NONE_MAX)
        dwi = mean_of([volumes[k] for k in shell])
        plain = mean_of([volumes[k] for k in without]) if without.size else None
    if given_adc is not None:
        return Diffusion(dwi, on_grid(given_adc, dwi), b_high, False)
    if plain is None or b_high is None:
        raise DiffusionError("no ADC map and no volume of b = 0 to compute one: T2 shine-through cannot be excluded")
    b_low = float(b[without].mean())
    return Diffusion(dwi, adc_mm2_s(plain.data, dwi.data, b_high - b_low), b_high, True)


def adc_mm2_s(plain: np.ndarray, weighted: np.ndarray, b_s_mm2: float) -> np.ndarray:
    """The apparent diffusion coefficient, ln(S0 / Sb) / b (Stejskal and Tanner 1965).

    Parameters
    ----------
    plain, weighted : ndarray, one shape
        Signal without and with diffusion weighting.
    b_s_mm2 : float
        Difference of their b-values, s/mm2.

    Returns
    -------
    ndarray of float32
        mm2/s; NaN where a signal is not positive.
    """
    signal = (plain > 0) & (weighted > 0)
    ratio = np.ones(plain.shape, np.float64)
    np.divide(plain, weighted, out=ratio, where=signal)
    return np.where(signal, np.log(ratio) / b_s_mm2, np.nan).astype(np.float32)


def on_grid(adc: Image, dwi: Image) -> np.ndarray:
    """An ADC map on the DWI's grid, by the places in their headers; NaN outside of it.

    Parameters
    ----------
    adc : Image
        The map.
    dwi : Image
        Its grid is taken.

    Returns
    -------
    ndarray of float32, shape of the DWI
    """
    if is_same_grid(adc, dwi):
        return adc.data
    return np.asarray(resample(adc, dwi, fill=np.nan).data, np.float32)


def in_mm2_s(adc: np.ndarray, tissue: np.ndarray, ventricles: np.ndarray) -> tuple[np.ndarray, float]:
    """An ADC map in mm2/s, its unit found from the tissue's median and checked by the fluid's.

    Parameters
    ----------
    adc : ndarray
        In any of UNITS_MM2_S; NaN or 0 where there is none.
    tissue, ventricles : ndarray of bool, shape of the map
        Grey and white matter; the ventricles.

    Returns
    -------
    tuple of ndarray and float
        The map, mm2/s, and its unit in mm2/s.

    Raises
    ------
    DiffusionError
        Where no unit fits, and where the fluid is not that of an ADC map.
    """
    known = np.isfinite(adc) & (adc > 0)
    values = adc[known & tissue]
    if not values.size:
        raise DiffusionError("the ADC map is empty in the brain")
    median = float(np.median(values))
    fitting = [unit for unit in UNITS_MM2_S if TISSUE_ADC[0] <= median * unit <= TISSUE_ADC[1]]
    if len(fitting) != 1:
        raise DiffusionError(
            f"the unit of the ADC map is not known: its median in the brain is {median:.4g}; "
            "0.8e-3 mm2/s is expected, stored in mm2/s or in thousandths, hundred-thousandths or millionths of it"
        )
    unit = fitting[0]
    fluid = adc[known & ventricles]
    if fluid.size >= FLUID_VOXELS_MIN:
        there = float(np.median(fluid)) * unit
        if not FLUID_ADC[0] <= there <= FLUID_ADC[1]:
            raise DiffusionError(f"the ventricles have {there:.2e} mm2/s on the ADC map, where fluid has 3e-3: no ADC")
    return np.where(known, adc * np.float32(unit), np.nan).astype(np.float32), unit
