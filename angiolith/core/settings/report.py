"""The report."""

from __future__ import annotations

from pydantic import Field

from angiolith.core.settings.section import Section, StepSettings


class ReportVolumeSettings(StepSettings):
    """Volumes for the interactive viewer.

    Source: layout.
    """

    KEY = "report.volumes"
    viewer_voxel_mm: float = Field(default=1.0, gt=0)
    """The viewer's images are thinned out to voxels of at most this edge (mm); finer grids stay about drawn walls."""


class ReportSettings(Section):
    """The report."""

    title: str = "angiolith"
    """Title of the page."""
    notice: str | None = None
    """A line at the head of every page, e.g. that the data are simulated."""
    texts: str | None = None
    """A translation of `angiolith/report/texts.yaml`, such as `config/texts_zh.yaml` (Chinese); default: English."""
    viewer: bool = True
    """Whether volumes for the interactive viewer are written (about 12 MB a session)."""
    volumes: ReportVolumeSettings = ReportVolumeSettings()
