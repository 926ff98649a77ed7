"""Today's configuration, and what of a job's settings is not in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from angiolith.audit.inventory import flat
from angiolith.core.config import plain, validate
from angiolith.core.settings.section import PlainSettings
from angiolith.runtime.records import Record, path_of

OPEN = ("analyses", "printed_tables")  # their keys are names that users give


def current_settings(root: Path, own: Record | None) -> dict[str, Any]:
    """The configuration as the run's files give it today; `own` is the inventory's record, which names them.

    A file that is gone is left out (verify names it as lost).

    Parameters
    ----------
    root : Path
        The output folder.
    own : Record | None
        The inventory's own record, or None in an unfinished run.

    Returns
    -------
    dict[str, Any]
        The whole configuration as plain values; empty without a record.

    Raises
    ------
    ConfigError
        If the files are not valid any more.
    """
    if own is None:
        return {}
    merged: dict[str, Any] = {}
    for name in own.params["configs"]:
        path = path_of(root, name)
        if path.is_file():
            merge(merged, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    merge(merged, own.params["overrides"])
    return as_json(plain(validate(merged, [path_of(root, name) for name in own.params["configs"]])))


def merge(into: dict[str, Any], other: PlainSettings) -> None:
    """Deep update, as Snakemake merges configuration files.

    Parameters
    ----------
    into : dict[str, Any]
        Values that are changed in place.
    other : PlainSettings
        Values that override them.
    """
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def setting_changes(record: Record, current: PlainSettings) -> list[str]:
    """Dotted keys of the job's settings whose value is another today, or that are new or gone.

    Parameters
    ----------
    record : Record
        Record of the job.
    current : PlainSettings
        Today's configuration as plain values.

    Returns
    -------
    list[str]
        Dotted keys, sorted.
    """
    given = record.params.get("settings")
    if not isinstance(given, Mapping) or not current:
        return []
    then, today = dict(flat(given)), dict(flat(as_today(record, given, current)))
    return sorted(key for key in {*then, *today} if then.get(key) != today.get(key))


def as_today(record: Record, given: PlainSettings, current: PlainSettings) -> dict[str, Any]:
    """The current values of what the job was given: whole sections, its one analysis, or some of the analyses.

    Parameters
    ----------
    record : Record
        Record of the job.
    given : PlainSettings
        The job's settings.
    current : PlainSettings
        Today's configuration as plain values.

    Returns
    -------
    dict[str, Any]
        Values of the same form.
    """
    analyses, known = current["analyses"], {}
    for key, value in given.items():
        if key == "analysis":
            known[key] = analyses.get(record.wildcards["analysis"], {})
        elif key == "analyses" and record.rule != "build_attrition" and "output_dir" not in given:
            known[key] = {name: analyses[name] for name in value if name in analyses}
        elif key not in OPEN and isinstance(value, Mapping):  # a section, or those of its keys that the rule reads
            known[key] = {name: today for name, today in current.get(key, value).items() if name in value}
        else:
            known[key] = current.get(key, value)
    return known


def as_json(settings: PlainSettings) -> dict[str, Any]:
    """Settings as they are after a pass through JSON.

    Parameters
    ----------
    settings : PlainSettings
        Plain values.

    Returns
    -------
    dict[str, Any]
        Plain values.
    """
    return json.loads(json.dumps(settings))
