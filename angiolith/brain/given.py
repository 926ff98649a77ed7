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

    name: of the input that holds the image's path. Raises ImageError if the user's mask cannot be read or lies on
    another grid, ToolError if the tool gives none.
    """
    if given.get("given_brain"):
        return user_brain(given, image), {"brain_source": "user"}
    if not tool.command:
        return None, {"brain_source": "built-in"}
    return run_tool({"image": given[name]}, image, tool), {"brain_source": "tool", "brain_tool": tool_facts(tool)}


def user_brain(given: Inputs, image: Image) -> np.ndarray:
    """The user's mask of the brain (input `given_brain`) on the image's grid; ImageError if it lies on another."""
    mask = read_image(given["given_brain"])
    require_same_grid(mask, image, "the given brain mask and its image")
    return np.asarray(mask.data > 0.5)
