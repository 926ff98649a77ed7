"""The analysis plan: the analyses' settings, dated and sealed before outcomes are read, and every later deviation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from angiolith.cohort.sealed import is_intact, sealed
from angiolith.core.config import plain
from angiolith.core.settings.analyses import Analysis

# [number] Version of the file's form. Source: definition.
FORMAT = 1
ABSENT = "not there"


class PlanError(ValueError):
    """A plan that cannot be read, or was changed after it was sealed."""


def sealed_plan(analyses: Mapping[str, Any], date: str) -> dict[str, Any]:
    """The plan as it is kept.

    Parameters
    ----------
    analyses : Mapping[str, Any]
        Name -> plain settings.
    date : str
        When it is sealed, ISO 8601.

    Returns
    -------
    dict[str, Any]
        Content of the plan with its seal.
    """
    return sealed({"format": FORMAT, "sealed": date, "analyses": dict(analyses)})


def check_plan(plan: Mapping[str, Any]) -> None:
    """Raise PlanError for what is no plan, or is not as it was sealed.

    Parameters
    ----------
    plan : Mapping[str, Any]
        Content of the plan.

    Raises
    ------
    PlanError
        For what is no plan, or is not as it was sealed.
    """
    if plan.get("format") != FORMAT or "analyses" not in plan:
        raise PlanError(f"is no analysis plan of format {FORMAT}")
    if not is_intact(plan):
        raise PlanError("was changed after it was sealed")


def deviations(plan: Mapping[str, Any], analyses: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Where the analyses differ from the plan: (key, as planned, as it is), in the order of the plan, then of the rest.

    A whole analysis that was added or left out is one deviation. A key that the plan's version did not have yet is none
    where it has its default.

    Parameters
    ----------
    plan : Mapping[str, Any]
        Content of the plan.
    analyses : Mapping[str, Any]
        Name -> plain settings.

    Returns
    -------
    list[tuple[str, str, str]]
        Key, value in the plan and value today.

    Raises
    ------
    PlanError
        For what is no plan, or is not as it was sealed.
    """
    check_plan(plan)
    return list(_differences(_filled(plan["analyses"]), _filled(analyses), ()))


def _filled(analyses: Mapping[str, Any]) -> dict[str, Any]:
    """The analyses with every key that this version has; as they are where it refuses them."""
    made = {}
    for name, settings in analyses.items():
        try:
            made[name] = plain(Analysis.model_validate(settings))
        except ValidationError:
            made[name] = settings
    return made


def _differences(planned: Any, found: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if planned == found:
        return
    if isinstance(planned, Mapping) and isinstance(found, Mapping):
        for key in dict.fromkeys([*planned, *found]):
            yield from _differences(planned.get(key, ABSENT), found.get(key, ABSENT), (*place, str(key)))
        return
    whole = len(place) == 1
    yield ".".join(place), _text(planned, whole), _text(found, whole)


def _text(value: Any, whole: bool) -> str:
    """A value of the configuration on one line; of a whole analysis only that it is there."""
    if value == ABSENT:
        return ABSENT
    return "an analysis" if whole else json.dumps(value, ensure_ascii=False)
