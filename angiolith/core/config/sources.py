"""Configuration files: read with refusals by line, and the file and line in which a key stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from angiolith.core.names import nearest

COMMAND_LINE = "configuration"  # where a key comes from that stands in no file


class ConfigError(ValueError):
    """The configuration cannot be used; one line per problem: file, line, key, what is wrong, what to write."""


def read_config(path: str | Path) -> dict[str, Any]:
    """The content of a configuration file.

    Snakemake reads its `--configfile` before this workflow is asked, and says less: the command line of this project
    asks first.

    Parameters
    ----------
    path : str | Path
        Path of the YAML file.

    Returns
    -------
    dict[str, Any]
        Key -> value at the top; empty for an empty file.

    Raises
    ------
    ConfigError
        For no such file, not UTF-8, no YAML, a key that stands twice, or a file that holds no keys; the message is one
        line with file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file (looked for from {Path.cwd()}){near_file(path, ('.yaml', '.yml'))}")
    node = _tree(path)
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise ConfigError(
            f"{path}, line {line}: holds no `key: value`; a blank must follow the colon (config/README.md)"
        )
    for name, first, second in _doubles(node):
        raise ConfigError(f"{path}, line {second}: the key {name!r} stands in line {first} already; delete one")
    content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return {str(key): value for key, value in content.items()}


def near_file(path: Path, endings: Sequence[str], others: Sequence[str] = ()) -> str:
    """A hint for a file that is not there: the nearest name among its folder's files of these endings, and others.

    Parameters
    ----------
    path : Path
        The path that does not exist.
    endings : Sequence[str]
        Endings of files that may be meant, such as `.yaml`.
    others : Sequence[str]
        Further names that may be meant.

    Returns
    -------
    str
        The hint with a leading semicolon, or an empty string.
    """
    folder = path.parent
    names = [entry.name for entry in folder.iterdir() if entry.suffix in endings] if folder.is_dir() else []
    if not names and not others:
        return "" if folder.is_dir() else f"; there is no folder {folder}"
    hint = nearest(path.name, [*others, *sorted(names)])
    return f"; {hint}" if "did you mean" in hint or len(names) + len(others) <= 5 else ""


def _tree(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8; save it with that encoding") from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
        hint = "; YAML is indented with blanks, not tabs" if line[: len(line) - len(line.lstrip())].count("\t") else ""
        raise ConfigError(f"{path}{place}: is no YAML: {error.problem or error.context}{hint}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None


def _doubles(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """Keys that stand twice in one section, with both lines."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubles(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value in seen and key.value != "<<":
            yield str(key.value), seen[key.value], line
        seen[key.value] = line
        yield from _doubles(value)


def place_of_key(location: Sequence[Any], files: Sequence[str | Path]) -> str:
    """File and line of a key: the last file that holds it (later ones override earlier ones), or most of its place.

    Parameters
    ----------
    location : Sequence[Any]
        Keys and indices from the top to the value.
    files : Sequence[str | Path]
        The user's configuration files.

    Returns
    -------
    str
        `file, line n`, or the last file without a line, or the command line.
    """
    best: tuple[int, str] = (0, str(files[-1]) if files else COMMAND_LINE)
    for file in files:
        depth, line = _line_of(str(file), tuple(map(str, location)))
        if depth and depth >= best[0]:
            best = (depth, f"{file}, line {line}")
    return best[1]


@lru_cache(maxsize=256)
def _line_of(file: str, location: tuple[str, ...]) -> tuple[int, int]:
    """How many parts of a key's place a file holds, and the line of the last of them."""
    try:
        node = _tree(Path(file))
    except (ConfigError, OSError):
        return 0, 0
    depth, line = 0, 0
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {str(key.value): (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            key = node = node.value[int(part)]
        else:
            break
        depth, line = depth + 1, key.start_mark.line + 1
    return depth, line
