"""The configuration: one model, from which the default file, the JSON schema and the key reference are made.

Unknown keys are refused at every level; the message names the key, the file and the nearest known key. Units stand in
the names. Defaults live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, field_validator, model_validator

from angiolith.core.config.sources import ConfigError, place_of_key
from angiolith.core.manifest_checks import IMAGE_COLUMNS
from angiolith.core.names import nearest
from angiolith.core.settings.acute import AcuteSettings
from angiolith.core.settings.analyses import Analysis
from angiolith.core.settings.arteries import ArterySettings, ArteryToolSettings
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.burden import BurdenSettings
from angiolith.core.settings.calcification import CalcificationSettings, SeveritySettings
from angiolith.core.settings.change import ChangeSettings
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.settings.image_choice import ImageChoice
from angiolith.core.settings.lacunes import LacuneSettings, LacuneToolSettings
from angiolith.core.settings.location import LocationSettings
from angiolith.core.settings.microbleeds import MicrobleedSettings, MicrobleedToolSettings
from angiolith.core.settings.perivascular import PerivascularSettings, PvsToolSettings
from angiolith.core.settings.registration import RegistrationSettings
from angiolith.core.settings.report import ReportSettings
from angiolith.core.settings.section import Section
from angiolith.core.settings.vessel_wall import VesselWallSettings
from angiolith.core.settings.wmh import WmhSettings, WmhToolSettings


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
    decisions: list[str] = []
    """Readers' decisions on marks (calcifications, small-vessel lesions, plaques): TSVs that the report's page
    of marks saves (docs/review.md)."""
    output_dir: str = "results"
    """Where everything is written."""
    subjects: list[str] | None = None
    """Only these subjects (labels without `sub-`); default: all."""
    sessions: list[str] | None = None
    """Only these sessions (labels without `ses-`); default: all."""
    masks_dirs: list[str] | None = None
    """Folders with masks and drawings of your own (below `bids_dir`, or from the working folder); default: every folder
    of `derivatives/` that does not hold results of angiolith."""
    images: dict[str, ImageChoice] = {}
    """Column of the manifest: which image serves it where a session has several, e.g. `swi: {part: mag, echo: 2}`."""
    session_order: list[str] = []
    """Labels of sessions, the first visit first, e.g. `[pre, post]`; for visits whose dates are not known."""
    check_images: CheckImagesSettings = CheckImagesSettings()
    brain: BrainSettings = BrainSettings()
    brain_tool: BrainToolSettings = BrainToolSettings()
    registration: RegistrationSettings = RegistrationSettings()
    arteries: ArterySettings = ArterySettings()
    artery_tool: ArteryToolSettings = ArteryToolSettings()
    calcification: CalcificationSettings = CalcificationSettings()
    severity: SeveritySettings = SeveritySettings()
    acute: AcuteSettings = AcuteSettings()
    wmh: WmhSettings = WmhSettings()
    wmh_tool: WmhToolSettings = WmhToolSettings()
    microbleeds: MicrobleedSettings = MicrobleedSettings()
    cmb_tool: MicrobleedToolSettings = MicrobleedToolSettings()
    lacunes: LacuneSettings = LacuneSettings()
    lacune_tool: LacuneToolSettings = LacuneToolSettings()
    perivascular: PerivascularSettings = PerivascularSettings()
    pvs_tool: PvsToolSettings = PvsToolSettings()
    location: LocationSettings = LocationSettings()
    burden: BurdenSettings = BurdenSettings()
    vessel_wall: VesselWallSettings = VesselWallSettings()
    change: ChangeSettings = ChangeSettings()
    report: ReportSettings = ReportSettings()
    printed_tables: dict[str, str] = {}
    """Printed tables (YAML; config/README.md) to be audited, by name."""
    analyses: dict[str, Analysis] = {}
    """Cohort analyses by name; the name begins the names of their tables."""
    analysis_plan: str | None = None
    """The analyses as `angiolith seal-plan` sealed them; the report lists every later deviation."""

    @field_validator("subjects", "session_order")
    @classmethod
    def without_prefix(cls, labels: list[str] | None) -> list[str] | None:
        """Labels as the images have them, with or without `sub-` and `ses-` before them."""
        return labels and [label.removeprefix("sub-").removeprefix("ses-") for label in labels]

    @model_validator(mode="after")
    def one_source(self) -> Config:
        if self.bids_dir and self.manifest:
            raise ValueError("give bids_dir or manifest, not both")
        for column in self.images:
            if column not in IMAGE_COLUMNS:
                raise ValueError(f"images: no column {column!r}; {nearest(column, IMAGE_COLUMNS)}")
        if len(set(self.session_order)) < len(self.session_order):
            raise ValueError("session_order: a label stands twice; delete one")
        return self


def plain(model: BaseModel) -> dict[str, Any]:
    """A section as one dict of plain values.

    Parameters
    ----------
    model : BaseModel
        A section of the configuration.

    Returns
    -------
    dict[str, Any]
        Key -> plain value, as JSON has it.
    """
    return model.model_dump(mode="json")


def settings_of(config: Config, *keys: str) -> dict[str, Any]:
    """The sections of these dotted keys as nested plain values: what a rule gets as its settings.

    `step_settings` makes typed sections of them again.

    Parameters
    ----------
    config : Config
        The whole configuration.
    *keys : str
        Dotted keys of sections or values.

    Returns
    -------
    dict[str, Any]
        Nested plain values of these keys alone.
    """
    found: dict[str, Any] = {}
    for key in keys:
        *above, last = key.split(".")
        section: Any = config
        into = found
        for part in above:
            section, into = getattr(section, part), into.setdefault(part, {})
        value = getattr(section, last)
        into[last] = plain(value) if isinstance(value, BaseModel) else value
    return found


def validate(content: Mapping[str, Any], files: Sequence[str | Path] = ()) -> Config:
    """Check a merged configuration; `files` are those it was merged from, so that a message can name the right one.

    Parameters
    ----------
    content : Mapping[str, Any]
        The merged configuration.
    files : Sequence[str | Path]
        Files that it was merged from, for messages.

    Returns
    -------
    Config
        The typed configuration.

    Raises
    ------
    ConfigError
        With one line per problem.
    """
    try:
        return Config.model_validate(dict(content))
    except ValidationError as error:
        lines = [_explain(problem, files) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(problem: Any, files: Sequence[str | Path]) -> str:
    location = [part for part in problem["loc"] if not str(part).endswith("]")]
    key = ".".join(str(part) for part in location) or "configuration"
    where = place_of_key(location, files)
    if problem["type"] != "extra_forbidden":
        given = "" if isinstance(problem["input"], Mapping) else f" (given: {problem['input']!r:.80})"
        if problem["type"] == "string_type" and isinstance(problem["input"], int | float | date):
            given += "; write it in quotes, with its zeros: '01'"
        return f"{where}: {key}: {problem['msg'].removeprefix('Value error, ')}{given}"
    if moved := moved_to(key):
        return f"{where}: {key} moved to {moved}"
    return f"{where}: {key}: unknown key; {nearest(str(location[-1]), known_keys(location[:-1]))}"


def moved_to(key: str) -> str | None:
    """The dotted key that this one, of the flat sections of version 0.1, became; None if it was no such key.

    Parameters
    ----------
    key : str
        Dotted key.

    Returns
    -------
    str | None
        The dotted key of today, or None.
    """
    above, _, last = key.rpartition(".")
    places = [place for place in every_key(Config) if place.startswith(f"{above}.") and place.endswith(f".{last}")]
    return places[0] if above and len(places) == 1 else None


def every_key(section: type[BaseModel], above: str = "") -> Iterator[str]:
    """The dotted keys of a section, its sub-sections' included.

    Parameters
    ----------
    section : type[BaseModel]
        Class of the section.
    above : str
        Dotted prefix with its dot; empty at the top.

    Yields
    ------
    str
        One dotted key.
    """
    for name, field in section.model_fields.items():
        yield above + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from every_key(field.annotation, f"{above}{name}.")


def known_keys(location: Sequence[Any]) -> list[str]:
    """The keys that the section at this place of the configuration may have.

    Parameters
    ----------
    location : Sequence[Any]
        Keys and indices from the top to the section.

    Returns
    -------
    list[str]
        Names of keys; empty where the place is no section.
    """
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
