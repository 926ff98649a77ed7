"""Spots by another tool (`cmb_tool`, `lacune_tool`, `pvs_tool`): its mask, cut into connected spots that are measured.

The command is run as that of the other tools (`angiolith.core.tool`). What it draws is taken as it is: the criteria of
the built-in detector do not apply, those of the readers' decisions do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image
from angiolith.core.settings.tool import ToolSettings
from angiolith.core.tables import FAILED
from angiolith.core.tool import ToolError, run_tool, tool_facts
from angiolith.small_vessel.session import NotMeasured
from angiolith.small_vessel.spots import PLACE, place_and_size

BUILT_IN: dict[str, Any] = {"source": "built-in"}


def spots_by_tool(
    images: Mapping[str, str | Path], grid: Image, settings: ToolSettings
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """A tool's spots on the grid of an image.

    Parameters
    ----------
    images : mapping of str to path
        By the name that the command line has for them.
    grid : Image
        The image on whose grid the tool's mask lies.
    settings : ToolSettings
        The tool's command, version and threshold.

    Returns
    -------
    tuple of DataFrame, ndarray and dict
        The table (columns of `spot_sizes`), the label map (int32), and which tool it was.

    Raises
    ------
    NotMeasured
        With status failed and what went wrong.
    """
    try:
        mask = run_tool(images, grid, settings)
    except ToolError as error:
        raise NotMeasured(FAILED, str(error)) from error
    labels = np.asarray(ndimage.label(mask, NEIGHBOURS_26)[0], np.int32)
    return spot_sizes(labels, grid), labels, {"source": "tool", "tool": tool_facts(settings)}


def spot_sizes(labels: np.ndarray, grid: Image) -> pd.DataFrame:
    """Place and size of each spot.

    Parameters
    ----------
    labels : ndarray of int, shape of the image
        One number per spot from 1, none left out.
    grid : Image
        Its affine is taken.

    Returns
    -------
    DataFrame
        Number, middle (RAS mm of the image), volume (mm3) and diameter (mm, of the ball of that volume).
    """
    rows = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        voxels = np.argwhere(labels[place] == number) + [s.start for s in place]
        rows.append({"number": number} | place_and_size(voxels, grid))
    return pd.DataFrame(rows, columns=["number", *PLACE, "diameter_mm", "volume_mm3"])
