"""A brain mask or a map of its tissues made elsewhere: the user's, or that of another tool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.brain.network import CLASSES
from angiolith.core.bids.names import TISSUE_MAP
from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.core.inputs import Inputs
from angiolith.core.settings.brain import BrainToolSettings
from angiolith.core.tool import run_tool, tool_facts


def given_brain(
    given: Inputs, name: str, image: Image, tool: BrainToolSettings
) -> tuple[np.ndarray | None, Mapping[str, Any]]:
    """The user's mask or map of tissues (input `given_brain`), else the mask of the tool in the configuration, or None.

    With its source.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    name : str
        Input that holds the image's path.
    image : Image
        The image.
    tool : BrainToolSettings
        Section `brain_tool`.

    Returns
    -------
    tuple[np.ndarray | None, Mapping[str, Any]]
        Mask (i, j, k), bool, or map of tissues, uint8, or None; and the facts of its source.

    Raises
    ------
    ImageError
        If the user's mask cannot be read or lies on another grid.
    ToolError
        If the tool gives no mask.
    """
    if given.get("given_brain"):
        return user_brain(given, image), {"brain_source": "user"}
    if not tool.command:
        return None, {"brain_source": "built-in"}
    return run_tool({"image": given[name]}, image, tool), {"brain_source": "tool", "brain_tool": tool_facts(tool)}


def user_brain(given: Inputs, image: Image) -> np.ndarray:
    """The user's mask of the brain, or map of its tissues, on the image's grid (input `given_brain`).

    A file that is named `desc-braintissues_dseg` is a map of tissues, as the workflow writes it.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    image : Image
        The image.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool; or map of tissues, uint8.

    Raises
    ------
    ImageError
        If it lies on another grid, or is a map of other labels.
    """
    mask = read_image(given["given_brain"])
    require_same_grid(mask, image, "the given brain mask and its image")
    if f"_desc-{TISSUE_MAP}_dseg." not in Path(given["given_brain"]).name:
        return np.asarray(mask.data > 0.5)
    if not np.isin(mask.data, range(len(CLASSES))).all():
        raise ImageError(f"{given['given_brain']}: labels are 0 to {len(CLASSES) - 1}: {', '.join(CLASSES)}")
    return mask.data.astype(np.uint8)
