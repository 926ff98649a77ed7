"""Ready-made analyses: what a preset says of an analysis, and how the configuration's own keys stand before it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from angiolith.core.names import nearest

FILE = Path(__file__).with_name("presets.yaml")


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Every preset by name: the keys of an analysis."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an analysis with its preset's below them: mappings merged key by key, all else replaced.

    A null takes an entry of a preset's mapping out, and gives a key of the analysis its own default.

    Parameters
    ----------
    given : Mapping[str, Any]
        Keys of the analysis as the configuration has them, `preset` among them.

    Returns
    -------
    dict[str, Any]
        The merged keys.

    Raises
    ------
    ValueError
        For a preset that does not exist.
    """
    name = given["preset"]
    if name not in presets():
        raise ValueError(f"preset: no {name!r}; {nearest(str(name), list(presets()))}")
    merged = _merged(presets()[name], {key: value for key, value in given.items() if key != "preset"})
    return {"preset": name} | merged


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _merged(found[key], value)
        else:
            found[key] = value
    return found
