"""The way to a cell as text that fits on a screen or two, or in full."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from angiolith.audit.inventory import flat
from angiolith.audit.lineage import Lineage, Step
from angiolith.core.cells import KEYS
from angiolith.core.config import plain, validate
from angiolith.core.wording import count_of
from angiolith.marks.decisions import READER
from angiolith.marks.kinds import CALCIFICATION, IN_SPOT_RULE, INFARCT, WMH
from angiolith.runtime.records import Record

SHORT = 12  # hex digits of a hash that are printed
ROW_SHOWN = 20  # cells; of a longer row those that name it
NAMES_SHOWN = 12
DECISIONS_SHOWN = 12
PERSON_IN_NAME = re.compile(r"(sub-|ses-)[A-Za-z0-9]+")


def trace_text(found: Lineage, every: bool = False) -> str:
    """The way to the cell as indented text: jobs with code digest and settings, files with hashes, library versions.

    Jobs of a rule that ran alike stand together, many files of one kind are counted, and of the settings those are
    shown that are not the default; `every`: each job, file and setting.

    Parameters
    ----------
    found : Lineage
        The lineage of a cell.
    every : bool
        Whether nothing is left out.

    Returns
    -------
    str
        Text of several lines.
    """
    return "\n".join(_lines(found, every)) + "\n"


def _lines(found: Lineage, every: bool) -> Iterator[str]:
    cell, steps = found.cell, found.steps
    yield f"{cell.file}: {cell.column} = {cell.value}"
    keys = (
        cell.row if every or len(cell.row) <= ROW_SHOWN else {name: cell.row[name] for name in KEYS if name in cell.row}
    )
    yield "row: " + ", ".join(f"{name} {value}" for name, value in keys.items() if name != cell.column)
    if found.people is not None and not cell.subject:
        names = [" ".join(keys) for keys in found.people]
        yield f"rows behind it: {len(names)}: {_some(names, every)}"
    jobs: dict[tuple[Any, ...], list[Step]] = {}
    for step in steps:
        if step.record:
            jobs.setdefault(_alike(step.record, every), []).append(step)
    yield ""
    for made in jobs.values():
        record, indent = made[0].record, "  " * min(step.depth for step in made)
        assert record
        names = list(dict.fromkeys(step.record.name for step in made if step.record))
        who = (
            " ".join(f"{key}={value}" for key, value in record.wildcards.items())
            if len(names) == 1
            else count_of(len(names), "job")
        )
        settings = _settings(record.params.get("settings"), every)
        given = f"  with {settings}" if settings else ""
        yield f"{indent}{record.rule} {who}".rstrip() + f"  code {record.code}{given}"
        yield from (f"{indent}  made {line}" for line in _files(made, every))
        yield from (f"{indent}  {line}" for line in _decisions(made, every))
    yield ""
    yield "by " + ", ".join(f"{name} {version}" for name, version in _versions(steps))
    yield ""
    yield "from files that no job made:"
    yield from (f"  {line}" for line in _files([step for step in steps if step.record is None], every))
    if not every:
        yield ""
        yield "every file and setting, with the hash of each: ALL=1 (--all)"


def _decisions(made: Sequence[Step], every: bool) -> Iterator[str]:
    """A line for each decision of a reader that these jobs took: who, when, what."""
    records = {step.record.name: step.record for step in made if step.record}
    found = [
        f"decided by {row['reader']} on {row['date']}: {row['decision']} {row['mark'] or row['file']}"
        + "".join(f", {row[name]}" for name in ("artery", "role", "note") if row[name] not in ("", READER))
        + (f" (sub-{record.wildcards['subject']} ses-{record.wildcards['session']})" if len(records) > 1 else "")
        for record in records.values()
        for row in record.params.get("decisions") or ()
        if any(_is_about(step.name, row) for step in made)
    ]
    yield from found if every else found[:DECISIONS_SHOWN]
    if len(found) > DECISIONS_SHOWN and not every:
        yield f"and {count_of(len(found) - DECISIONS_SHOWN, 'more decision')}"


def _is_about(name: str, row: Mapping[str, str]) -> bool:
    """Whether a file may hold the kind of mark that a decision is about."""
    own = row.get("kind", CALCIFICATION.name)
    also = WMH.name if own == INFARCT.name else own  # the mask of WMH follows what is decided on infarcts
    others = [kind for kind in IN_SPOT_RULE if kind.name not in (own, also)]
    return not any(f"_desc-{kind.name}marks" in name for kind in others)


def _alike(record: Record, every: bool) -> tuple[Any, ...]:
    """Equal for jobs that are shown together."""
    return (record.name,) if every else (record.rule, record.code, json.dumps(record.params.get("settings")))


def _files(steps: Sequence[Step], every: bool) -> Iterator[str]:
    """A line for each file, with its hash; many of one kind are counted."""
    kinds: dict[str, list[Step]] = {}
    for step in steps:
        kinds.setdefault(step.name if every else PERSON_IN_NAME.sub(r"\1*", step.name), []).append(step)
    for kind, alike in kinds.items():
        first = f"{alike[0].name}  {alike[0].sha256[:SHORT]}"
        yield first if len(alike) == 1 else f"{kind}  {len(alike)} files"


def _some(names: Sequence[str], every: bool) -> str:
    return ", ".join(names) if every else ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def _versions(steps: Sequence[Step]) -> list[tuple[str, str]]:
    return sorted({pair for step in steps if step.record for pair in step.record.versions.items()})


def _settings(settings: Any, every: bool) -> str:
    """Settings on one line: those that are not the default, and how many are; an analysis is named, since its record
    has it."""
    if not isinstance(settings, Mapping):
        return ""
    if "analyses" in settings or "analysis" in settings:
        return "the analysis' settings (see its record)"
    values = {name: value for name, value in flat(settings) if json.loads(value) not in (None, [], {})}
    if every:
        return ", ".join(f"{name}={value}" for name, value in values.items())
    defaults = dict(flat(plain(validate({}))))
    other = {name: value for name, value in values.items() if name in defaults and defaults[name] != value}
    own = [
        f"{name}={value}" + (f" (default {defaults[name]})" if name in other else "")
        for name, value in values.items()
        if name in other or name not in defaults
    ]
    sections = dict.fromkeys(name.split(".")[0] for name in values if name in defaults and name not in other)
    return ", ".join([*own, *([f"defaults of {', '.join(sections)}"] if sections else [])])
