"""Metal on CT (clip, coil, stent, electrode, tooth filling): what no calcium can be, and what it spoils.

Metal saturates the scanner's numbers and throws streaks over the slices in which it lies. What they reach is not
measured: neither calcium nor its absence can be seen there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline
from angiolith.arteries.density import METAL_HU_MIN
from angiolith.calcification.certainty import Evidence
from angiolith.calcification.scoring import slice_step_mm
from angiolith.calcification.segment import Found
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, moved, slice_axis, volume_of_voxel_mm3

# [HU] A calcification with a voxel this dense is a candidate: denser than cortical bone, with noise and overshoot, and
# not saturated. Source: physics.
DOUBT_HU_MIN = 2000.0
# [HU] A step between neighbours in a slice that no scanner's blur allows: numbers over 3071 began again at -1024 (12
# bits). Source: physics.
WRAP_STEP_HU = 2500.0
# [HU] What is less dense than this beside such a step may be a number that began again. Source: physics.
WRAPPED_HU_MAX = -500.0
# [mm3] Air is larger than the voxels of a piece of metal whose numbers began again. Source: anatomy.
WRAPPED_MM3_MAX = 500.0
# [mm] Small or light metal spoils its slice as far as this. Source: simulated projections
# (validation/metal.py).
REACH_MM = 10.0
# [mm2] From this area in a slice on metal may be so opaque that it spoils the whole slice. Source: simulated
# projections (validation/metal.py).
WHOLE_SLICE_MM2_MIN = 6.0
# [HU] Metal of any area that is known to be no denser than this is light (titanium). Source: simulated projections
# (validation/metal.py).
LIGHT_HU_MAX = 12000.0
# [1] So many voxels of one and the same highest number are a saturated number: what lies behind it is not known.
# Source: numerics.
SATURATED_VOXELS = 3
# [mm] Above and below its slices metal spoils this much: blur along the slices, and their overlap. Source: physics.
ACROSS_MM = 2.5
# [1] An artery of which more than this fraction is spoiled is not measured. Source: convention.
SPOILED_FRACTION_MAX = 0.05


@dataclass(frozen=True)
class Metal:
    """Metal on a CT grid.

    spoiled: (i, j, k) boolean, what it spoils; pieces: number; volume_mm3: from METAL_HU_MIN; wrapped: numbers over
    the scanner's range began again at its lower end.
    """

    spoiled: np.ndarray
    pieces: int
    volume_mm3: float
    wrapped: bool

    @property
    def finding(self) -> str:
        """What a row's reason reports of it."""
        count = "one piece" if self.pieces == 1 else f"{self.pieces} pieces"
        wrap = ", numbers over 3071 HU began again at -1024" if self.wrapped else ""
        return f"metal ({count}, {self.volume_mm3:.0f} mm3 from {METAL_HU_MIN:.0f} HU{wrap})"


def find_metal(ct: Image) -> Metal | None:
    """The metal of a CT (HU, slices along the grid's axis nearest to foot-head); None where there is none.

    Parameters
    ----------
    ct : Image
        The CT, HU.

    Returns
    -------
    Metal | None
        The metal and the voxels that it spoils, or None.
    """
    axis = slice_axis(ct.affine)
    data = np.moveaxis(ct.data, axis, 2)
    edges_mm = np.delete(ct.voxel_mm, axis)
    began_again = _wrapped(data, volume_of_voxel_mm3(ct.affine))
    metal = data >= METAL_HU_MIN
    wrapped = bool(began_again.any())
    metal |= began_again
    if not metal.any():
        return None
    spoiled = np.zeros(metal.shape, bool)
    across = int(np.ceil(ACROSS_MM / slice_step_mm(ct.affine)))
    for number in np.flatnonzero(metal.any(axis=(0, 1))):
        here, hu = metal[:, :, number], data[:, :, number][metal[:, :, number]]
        is_light = not wrapped and hu.max() <= LIGHT_HU_MAX and (hu == hu.max()).sum() < SATURATED_VOXELS
        if is_light or here.sum() * float(np.prod(edges_mm)) < WHOLE_SLICE_MM2_MIN:
            near = ndimage.distance_transform_edt(~here, sampling=edges_mm) <= REACH_MM
        else:
            near = np.ones(here.shape, bool)
        spoiled[:, :, max(0, number - across) : number + across + 1] |= near[:, :, None]
    pieces = ndimage.label(metal, NEIGHBOURS_26)[1]
    volume_mm3 = float(metal.sum()) * volume_of_voxel_mm3(ct.affine)
    return Metal(np.moveaxis(spoiled, 2, axis), pieces, volume_mm3, wrapped)


def _wrapped(data: np.ndarray, voxel_mm3: float) -> np.ndarray:
    """Voxels (slices along the last axis) whose numbers began again: not air, and a step that no blur allows.

    Numbers that stop at a highest one do not begin again: there, such a step leads from enamel to air.
    """
    found = np.zeros(data.shape, bool)
    if np.count_nonzero(data == data.max()) >= SATURATED_VOXELS:
        return found
    for axis in (0, 1):
        for number in range(data.shape[2]):
            step = np.abs(np.diff(data[:, :, number], axis=axis)) >= WRAP_STEP_HU
            if step.any():
                pad = [(0, 0), (0, 0)]
                pad[axis] = (1, 0)
                found[:, :, number] |= np.pad(step, pad)
                pad[axis] = (0, 1)
                found[:, :, number] |= np.pad(step, pad)
    if not found.any():
        return found
    low, count = ndimage.label(data < WRAPPED_HU_MAX)
    small = np.bincount(low.ravel(), minlength=count + 1) * voxel_mm3 <= WRAPPED_MM3_MAX
    small[0] = False
    return found & small[low]


def spoiled_arteries(
    metal: Metal, lines: Mapping[tuple[str, str], Centreline], affine: np.ndarray
) -> dict[tuple[str, str], str]:
    """Why an artery is not measured, by (artery, side): more than SPOILED_FRACTION_MAX of its course is spoiled.

    The course counts in the field of view alone.

    Parameters
    ----------
    metal : Metal
        The metal.
    lines : Mapping[tuple[str, str], Centreline]
        (artery, side) -> centreline.
    affine : np.ndarray
        Voxel -> mm (4, 4) of the CT.

    Returns
    -------
    dict[tuple[str, str], str]
        (artery, side) -> reason.
    """
    why = {}
    shape = metal.spoiled.shape
    for name, line in lines.items():
        index = np.rint(moved(np.linalg.inv(affine), line.points)).astype(int)
        index = index[((index >= 0) & (index < shape)).all(axis=1)]
        fraction = float(metal.spoiled[tuple(index.T)].mean()) if len(index) else 0.0
        if fraction > SPOILED_FRACTION_MAX:
            why[name] = f"{metal.finding} spoils {fraction:.0%} of the artery: calcium is not measured"
    return why


def without_spoiled(found: Found, ct: Image, metal: Metal | None) -> Found:
    """The lesions without those that metal spoils, numbered anew; what is denser than bone becomes a candidate.

    Parameters
    ----------
    found : Found
        The lesions.
    ct : Image
        The CT, HU.
    metal : Metal | None
        The metal, or None.

    Returns
    -------
    Found
        The lesions.
    """
    labels = np.zeros_like(found.labels)
    touches: dict[int, float] = {}
    doubts: dict[int, str] = {}
    evidence: dict[int, Evidence] = {}
    for label, box in enumerate(ndimage.find_objects(found.labels), start=1):
        if box is None:
            continue
        lesion = found.labels[box] == label
        if metal is not None and metal.spoiled[box][lesion].any():
            continue
        new = len(touches) + 1
        labels[box][lesion] = new
        touches[new] = found.touches_bone[label]
        evidence[new] = found.evidence[label]
        peak = float(ct.data[box][lesion].max())
        if label in found.doubts:
            doubts[new] = found.doubts[label]
        elif peak >= DOUBT_HU_MIN:
            doubts[new] = f"{peak:.0f} HU, denser than cortical bone: calcium or metal"
    findings = [*found.findings, *([metal.finding] if metal else [])]
    return replace(found, labels=labels, touches_bone=touches, doubts=doubts, evidence=evidence, findings=findings)
