"""The reference table of every number that was chosen: docs/reference/constants.md, made from the sources themselves.

A chosen number is a constant at the top of its module, under a comment of one form:

    # [mm] A spot of another visit lies this near to where the registrations put it. Source: digital heads.
    DARKEST_WITHIN_MM = 1.5

A setting says the same in its docstring: its unit follows from its name, or stands in brackets in a second paragraph,
with the source; a section's docstring gives the source of the settings that give none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from angiolith.core.config import Config

PACKAGE = Path(__file__).parents[1]
ROOMS = (
    *("registration", "brain", "arteries", "calcification", "small_vessel", "vessel_wall", "change", "cohort"),
    "compare",
    *(
        "core/image_checks.py",
        "core/images.py",
        "core/nifti.py",
        "core/distance.py",
        "core/reproducible.py",
        "core/bids/dates.py",
    ),
)
PENDING: tuple[str, ...] = ()
"""Rooms whose methods are being replaced: their numbers get unit and source with the replacement."""
PENDING_SECTIONS: tuple[str, ...] = ()
LAYOUT = ("picture.py", "_picture.py", "flow.py", "layout.py", "publish.py", "page.py")
"""Ends of the names of modules that draw or print: sizes and line widths in them measure nothing."""
COMMENT = re.compile(r"^\[(?P<unit>[^\]]+)\] (?P<meaning>.+?) Source: (?P<source>.+?)\.?$")
UNIT_AND_SOURCE = re.compile(r"^(?:\[(?P<unit>[^\]]+)\])? ?(?:Source: (?P<source>.+)\.)?$")
UNITS = {  # part of a setting's name -> its unit; the first that fits
    **{"per_year": "1/year", "mm3": "mm3", "mm2": "mm2", "cm3": "cm3", "mm": "mm", "hu": "HU", "deg": "degrees"},
    **{"sd": "SD", "sds": "SD", "percent": "%", "days": "days", "seed": "seed"},
    **dict.fromkeys(("share", "fraction", "ratio", "probability", "overlap", "correlation", "elongation"), "1"),
    **dict.fromkeys(("level", "compactness", "index", "alpha", "power", "contrast", "tolerance"), "1"),
    **dict.fromkeys(("count", "iterations", "imputations", "voxels"), "number"),
}


class Constant(NamedTuple):
    """A chosen number: where it stands, its value as written, and what its comment says (None where it says it not)."""

    module: str
    name: str
    value: str
    unit: str | None
    meaning: str | None
    source: str | None


def modules(rooms: tuple[str, ...] = ROOMS) -> Iterator[str]:
    """Names (from the package's folder) of the rooms' modules.

    Parameters
    ----------
    rooms : tuple[str, ...]
        Folders or modules below the package's folder.

    Yields
    ------
    str
        One path below the package's folder.
    """
    for room in rooms:
        place = PACKAGE / room
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield path.relative_to(PACKAGE).as_posix()


def is_pending(module: str) -> bool:
    """Whether a module's constants have no comments yet.

    Parameters
    ----------
    module : str
        Path below the package's folder.

    Returns
    -------
    bool
        True where the module lies in PENDING.
    """
    return lies_in(module, PENDING)


def lies_in(module: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module lies in one of these folders, or is one of these modules.

    Parameters
    ----------
    module : str
        Path below the package's folder.
    rooms : tuple[str, ...]
        Folders or modules below the package's folder.

    Returns
    -------
    bool
        True where it does.
    """
    return f"{module}/".startswith(tuple(f"{room}/" for room in rooms))


def constants_of(module: str) -> list[Constant]:
    """The module's constants that hold numbers.

    Parameters
    ----------
    module : str
        Path below the package's folder.

    Returns
    -------
    list[Constant]
        Name, value, unit, meaning and source of each constant.
    """
    text = (PACKAGE / module).read_text(encoding="utf-8")
    lines = text.splitlines()
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _numbers(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            name = ", ".join(ast.unparse(target).strip("()") for target in targets)
            if name.replace("_", "").replace(", ", "").isupper():
                match = COMMENT.match(_comment_above(lines, node.lineno - 1))
                parts = match.groupdict() if match else dict.fromkeys(("unit", "meaning", "source"))
                found.append(Constant(module, name, ast.unparse(node.value), **parts))
    return found


def _comment_above(lines: list[str], line: int) -> str:
    """The comment that ends right above a line, from its first line that opens a bracket."""
    start = line
    while start > 0 and lines[start - 1].startswith("# ") and not lines[start].startswith("# ["):
        start -= 1
    return " ".join(text.removeprefix("# ") for text in lines[start:line])


def _numbers(value: ast.AST) -> bool:
    """Whether an expression holds a number; an index is none."""
    if isinstance(value, ast.Constant):
        return type(value.value) in (int, float)
    if isinstance(value, ast.Subscript):
        return _numbers(value.value)
    return any(_numbers(part) for part in ast.iter_child_nodes(value))


def inline_numbers(module: str) -> list[str]:
    """Numbers inside the module's functions that say nothing of themselves, each with its line.

    Parameters
    ----------
    module : str
        Path below the package's folder.

    Returns
    -------
    list[str]
        `file:line: number: code` of each.
    """
    text = (PACKAGE / module).read_text(encoding="utf-8")
    lines = text.splitlines()
    found = []
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            found += [node for part in function.body for node in _chosen(part)]
    return [f"{module}:{node.lineno}: {node.value!r}: {lines[node.lineno - 1].strip()}" for node in found]


PLAIN = (0, 1, 2, 3, 4, 6, 12, 0.5, 0.975, 100, 180, 360, 1000)
"""Numbers that are arithmetic: pairs, axes, a ball (6) or voxel (12), halves, 95 % (two-sided), percent, turns, cm3."""
ROUNDING_MAX = 1e-3
"""Smaller numbers keep a division from zero or a comparison from rounding."""
FORMULAS = ("cohort/correlations.py", "cohort/agreement.py", "cohort/printed.py", "calcification/shape.py")
"""Modules whose inline numbers are those of published formulas, cited in the docstrings, or of print."""
UNCHOSEN = ("round", "range", "np.ones", "np.zeros", "str.slice")
"""Functions whose numbers are digits and shapes."""


def _chosen(node: ast.AST, is_index: bool = False) -> Iterator[ast.Constant]:
    """Numbers that were chosen: not those of indices, texts, shapes, rounding and default arguments."""
    if isinstance(node, ast.Constant):
        value = node.value
        if not isinstance(value, int | float) or isinstance(value, bool) or (is_index and isinstance(value, int)):
            return
        if value not in PLAIN and abs(value) > ROUNDING_MAX:
            yield node
    elif isinstance(node, ast.Subscript):
        yield from _chosen(node.value, is_index)
        yield from _chosen(node.slice, is_index=True)
    elif isinstance(node, ast.keyword):
        yield from _chosen(node.value, is_index or node.arg == "axis")
    elif not isinstance(node, ast.FunctionDef | ast.JoinedStr) and not (
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith(UNCHOSEN)
    ):
        for part in ast.iter_child_nodes(node):
            yield from _chosen(part, is_index)


class Setting(NamedTuple):
    """A setting that is a number: its key, default, unit and source (None where it is not stated)."""

    key: str
    value: str
    unit: str | None
    source: str | None


def settings() -> list[Setting]:
    """Every number of the configuration, of sections that are measured with, in the order of the configuration."""
    return list(_settings(Config, "", None))


def _settings(section: type[BaseModel], place: str, source: str | None) -> Iterator[Setting]:
    for name, field in section.model_fields.items():
        key, nested = f"{place}{name}", field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            own = _unit_and_source(nested.__doc__)[1]
            yield from _settings(nested, f"{key}.", own or source)
            continue
        default = field.get_default(call_default_factory=True)
        values = default if isinstance(default, list) and default else [default]
        if place and all(type(value) in (int, float) for value in values):
            unit, stated = _unit_and_source(field.description)
            yield Setting(key, str(default), unit or _unit_of(name), stated or source)


def _unit_and_source(text: str | None) -> tuple[str | None, str | None]:
    """Unit and source in the last paragraph of a docstring."""
    paragraphs = (text or "").strip().split("\n\n")
    found = UNIT_AND_SOURCE.match(" ".join(paragraphs[-1].split())) if len(paragraphs) > 1 else None
    return (found["unit"], found["source"]) if found else (None, None)


def _unit_of(name: str) -> str | None:
    parts = f"_{name}_"
    return next((unit for part, unit in UNITS.items() if f"_{part}_" in parts), None)


HEAD = """# Chosen numbers

Every number that was chosen, with its unit and where it comes from. Made from the sources by `make config`; do not
edit.
Settings can be changed in a configuration file ([config/README.md](../../config/README.md) says what each means);
constants can not. Unit 1: a ratio or a fraction.

| source | means |
|---|---|
| a paper | the value is that of the paper |
| definition | a convention: a label, a code, a unit |
| convention | a cut-point that studies of the field share |
| physics | follows from geometry, optics of the scanner or mathematics |
| numerics | sampling, steps, tolerances: fine enough that the result no longer depends on it, as far as was looked |
| layout | how much is shown or printed |
| anatomy | a plausible bound on what a body can be; fitted to nothing |
| choice | the project's own, from no data and no paper |
| digital heads | set while the step was written against simulated heads; no record of each trial |
| digital tubes | the same, on simulated vessels |
| either, or random poses, with a number | chosen in a comparison that is recorded ([methods](../methods.md)) |
"""


def page() -> str:
    """The page."""
    lines = [HEAD]
    for room in ROOMS:
        found = [one for module in modules((room,)) if not is_pending(module) for one in constants_of(module)]
        if found:
            lines += [f"## {room.removesuffix('.py')}", "", "| constant | value | unit | meaning | source | module |"]
            lines += ["|---|---|---|---|---|---|", *map(_row, found), ""]
    lines += ["## Settings", "", "| key | default | unit | source |", "|---|---|---|---|"]
    lines += [
        f"| `{one.key}` | `{one.value}` | {one.unit} | {one.source} |"
        for one in settings()
        if one.key.split(".")[0] not in PENDING_SECTIONS
    ]
    if PENDING or PENDING_SECTIONS:
        lines += ["", "## Not listed yet", "", "Source pending: these methods are being replaced.", ""]
        lines += [f"- `angiolith/{room}`" for room in PENDING] + [f"- `{key}` (settings)" for key in PENDING_SECTIONS]
    return "\n".join(lines) + "\n"


def _row(one: Constant) -> str:
    name = ", ".join(f"`{part}`" for part in one.name.split(", "))
    return f"| {name} | `{one.value}` | {one.unit} | {one.meaning} | {one.source} | `{one.module}` |"
