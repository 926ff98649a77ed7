"""What every section of the configuration is, and how a job gets its sections back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

PlainSettings = Mapping[str, Any]
"""A configuration, or a part of one, as nested plain values: what Snakemake compares and what records keep."""

Count = Literal["sure", "confirmed", "all"]
"""Marks that are counted: what the image or a reader decides, what a reader confirmed, or candidates, too."""


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values are never coerced in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class StepSettings(Section):
    """A section that is handed over as a whole to the step that uses it."""

    KEY: ClassVar[str]
    """Its place in the configuration, dotted."""


class CertaintySettings(Section):
    """Which spots count, and which wait for a reader, by their probability."""

    sure_probability_min: float = Field(default=0.5, ge=0, le=1)
    """A spot of at least this probability is counted.

    [1] Source: choice."""
    candidate_probability_min: float = Field(default=0.1, ge=0, le=1)
    """A spot of at least this probability, and less than that of a sure one, is a candidate: listed, in no count, until
    a reader decides. Less probable spots are not listed.

    [1] Source: choice."""


S = TypeVar("S", bound=StepSettings)


def step_settings(given: PlainSettings, section: type[S]) -> S:
    """The typed section out of a job's settings (nested plain values, as `angiolith.core.config.settings_of` makes).

    Parameters
    ----------
    given : PlainSettings
        A job's settings: nested plain values of `angiolith.core.config.settings_of`.
    section : type[S]
        Class of the section.

    Returns
    -------
    S
        The typed section.

    Raises
    ------
    KeyError
        Where the rule does not pass the section on; the message names it.
    """
    found: Any = given
    for part in section.KEY.split("."):
        if part not in found:
            raise KeyError(f"{section.KEY} is not among the rule's settings")
        found = found[part]
    return section.model_validate(found)
