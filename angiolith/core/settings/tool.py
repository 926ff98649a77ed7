"""Another tool that makes masks, run by its command line (`angiolith.core.tool`)."""

from __future__ import annotations

from typing import ClassVar

from angiolith.core.settings.section import Section


class ToolSettings(Section):
    """Command line, version and weights of another tool, and from which value on its mask counts.

    Source: definition.
    """

    KEY: ClassVar[str]
    command: str | None = None
    """Command line."""
    version: str | None = None
    """The tool's version (or the container's digest), recorded beside every mask it made."""
    weights: str | None = None
    """File of the tool's weights; its SHA-256 is recorded beside every mask, and a change of it makes masks anew."""
    threshold: float = 0.5
    """Voxels of the tool's mask or probability map above this are in the mask.

    [1] Source: definition."""
