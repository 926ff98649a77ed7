"""The configuration: one model, from which the default file, the JSON schema and the key reference are made.

Unknown keys are refused at every level; the message names the key, the file and the nearest known key. Units stand in
the names. Defaults live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from angiolith.core.config.analyses import Analysis
from angiolith.core.config.calcification import CalcificationSettings, SeveritySettings
from angiolith.core.config.images import ArterySettings, CheckImagesSettings, RegistrationSettings
from angiolith.core.config.section import Section
from angiolith.core.config.small_vessel import (
    ChangeSettings,
    LacuneSettings,
    MicrobleedSettings,
    WmhSettings,
    WmhToolSettings,
)
from angiolith.core.config.vessel_wall import VesselWallSettings
from angiolith.core.names import nearest


class ConfigError(ValueError):
    """The configuration cannot be used; one line per problem: file, key, what is wrong, what to write."""


class ReportSettings(Section):
    """The report."""

    title: str = "angiolith"
    """Title of the page."""
    texts: str | None = None
    """A translation: a copy of `angiolith/report/texts.yaml` in another language; default: English."""
    viewer: bool = True
    """Whether volumes for the interactive viewer are written (about 12 MB a session)."""
    viewer_voxel_mm: float = Field(default=1.0, gt=0)
    """The viewer's images are thinned out to voxels of at most this edge (mm); finer grids stay about drawn walls."""


class Config(Section):
    """The whole configuration."""

    bids_dir: str | None = None
    """BIDS folder with the images, indexed into manifest.tsv. Or give `manifest`; or only `analyses` over tables."""
    manifest: str | None = None
    """A manifest of your own (TSV; columns in config/README.md) instead of indexing a BIDS folder."""
    participants: str | None = None
    """participants.tsv; default: the one in `bids_dir`."""
    phenotype_dir: str | None = None
    """Folder with readers' ratings (*.tsv); default: `phenotype/` in `bids_dir`."""
    review: str | None = None
    """A reader's verdicts on the pictures: the TSV that the report's review page saves (docs/review.md)."""
    output_dir: str = "results"
    """Where everything is written."""
    subjects: list[str] | None = None
    """Only these subjects (labels without `sub-`); default: all."""
    check_images: CheckImagesSettings = CheckImagesSettings()
    registration: RegistrationSettings = RegistrationSettings()
    arteries: ArterySettings = ArterySettings()
    calcification: CalcificationSettings = CalcificationSettings()
    severity: SeveritySettings = SeveritySettings()
    wmh: WmhSettings = WmhSettings()
    wmh_tool: WmhToolSettings = WmhToolSettings()
    microbleeds: MicrobleedSettings = MicrobleedSettings()
    lacunes: LacuneSettings = LacuneSettings()
    vessel_wall: VesselWallSettings = VesselWallSettings()
    change: ChangeSettings = ChangeSettings()
    report: ReportSettings = ReportSettings()
    printed_tables: dict[str, str] = {}
    """Printed tables (YAML; config/README.md) to be audited, by name."""
    analyses: dict[str, Analysis] = {}
    """Cohort analyses by name; the name begins the names of their tables."""

    @model_validator(mode="after")
    def one_source(self) -> Config:
        if self.bids_dir and self.manifest:
            raise ValueError("give bids_dir or manifest, not both")
        return self


def plain(model: BaseModel) -> dict[str, Any]:
    """A section as one dict of plain values: what a rule gets as its settings."""
    return model.model_dump(mode="json")


def validate(content: Mapping[str, Any], files: Sequence[str | Path] = ()) -> Config:
    """Check a merged configuration; `files` are those it was merged from, so that a message can name the right one.

    Raises ConfigError with one line per problem.
    """
    try:
        return Config.model_validate(dict(content))
    except ValidationError as error:
        lines = [_explain(problem, files) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(problem: Any, files: Sequence[str | Path]) -> str:
    location = [part for part in problem["loc"] if not str(part).endswith("]")]
    key = ".".join(str(part) for part in location) or "configuration"
    where = _file_with(location, files)
    if problem["type"] != "extra_forbidden":
        given = "" if isinstance(problem["input"], Mapping) else f" (given: {problem['input']!r:.80})"
        return f"{where}: {key}: {problem['msg'].removeprefix('Value error, ')}{given}"
    return f"{where}: {key}: unknown key; {nearest(str(location[-1]), known_keys(location[:-1]))}"


def known_keys(location: Sequence[Any]) -> list[str]:
    """The keys that the section at this place of the configuration may have."""
    section: Any = Config
    for part in location:
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            break
        if part in section.model_fields:
            section = _section_in(section.model_fields[part].annotation)
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _section_in(annotation: Any) -> Any:
    """The section class within an annotation such as `dict[str, Analysis]` or `Section | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((section for section in found if section is not None), None)


def _file_with(location: Sequence[Any], files: Sequence[str | Path]) -> str:
    """The last file that holds this key (later files override earlier ones)."""
    for file in reversed(files):
        node: Any = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
        try:
            for part in location:
                node = node[part]
        except (KeyError, TypeError, IndexError):
            continue
        return str(file)
    return str(files[-1]) if files else "configuration"
