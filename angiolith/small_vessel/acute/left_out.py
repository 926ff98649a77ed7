"""The acute lesions on DWI that WMH and lacunes leave out, as long as no reader decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from angiolith.core.images import Image, read_image, resample
from angiolith.core.inputs import Inputs
from angiolith.core.tables import was_made
from angiolith.small_vessel.session import NotMeasured, between


@dataclass(frozen=True)
class LeftOut:
    """Acute lesions on the FLAIR's grid, and their volume there."""

    mask: np.ndarray
    volume_cm3: float


def acute_left_out(given: Inputs, flair: Image) -> LeftOut | None:
    """The acute lesions that wait for a reader, on the FLAIR's grid; None where there are none.

    Parameters
    ----------
    given : Inputs
        `acute`, the label map on the DWI's grid, with the transforms of DWI and FLAIR; without it there are none.
    flair : Image
        The FLAIR.

    Returns
    -------
    LeftOut or None
    """
    if not given.get("acute") or not was_made(given["acute"]):
        return None
    try:
        to_dwi = between(given, "FLAIR", "dwi")
    except NotMeasured:
        return None
    mask = resample(read_image(given["acute"]), flair, to_dwi, interpolation="nearest").data > 0
    if not mask.any():
        return None
    return LeftOut(np.asarray(mask), float(mask.sum()) * flair.voxel_volume_mm3 / 1000)
