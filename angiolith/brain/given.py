"""A brain mask made elsewhere: the user's, or that of another tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from angiolith.core.images import Image, read_image, require_same_grid
from angiolith.core.inputs import Inputs
from angiolith.core.settings.brain import BrainToolSettings
from angiolith.core.tool import run_tool, tool_facts


def given_brain(
    given: Inputs, name: str, image: Image, tool: BrainToolSettings
) -> tuple[np.ndarray | None, Mapping[str, Any]]:
    """The user's mask (input `given_brain`), else that of the tool in the configuration, else None; and its source.

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
        Mask (i, j, k), bool, or None; and the facts of its source.

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
    """The user's mask of the brain (input `given_brain`) on the image's grid; ImageError if it lies on another.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    image : Image
        The image.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.

    Raises
    ------
    ImageError
        If the mask lies on another grid.
    """
    mask = read_image(given["given_brain"])
    require_same_grid(mask, image, "the given brain mask and its image")
    return np.asarray(mask.data > 0.5)
