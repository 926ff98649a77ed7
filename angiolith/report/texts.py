"""The report's texts: one file, which another language replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from angiolith.core.names import nearest

DEFAULT = Path(__file__).parent / "texts.yaml"
FREE = ("advice", "citations", "paragraphs")  # lists whose length a translation may choose
SAME = ("citations",)  # references are those of the English texts, unless a translation has its own


class TextsError(ValueError):
    """A file of texts does not fit the report's; one line per problem: file, key, what to do."""


def read_texts(path: str | Path | None = None) -> dict[str, Any]:
    """The texts of the report.

    Parameters
    ----------
    path : str or Path, optional
        A translation. What it does not have is taken from the shipped English texts, so that a translation outlives an
        update.

    Returns
    -------
    dict
        As in the shipped file.

    Raises
    ------
    TextsError
        With a line for each key that the shipped file does not have, and for each list of another length.
    """
    shipped: dict[str, Any] = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    if path is None:
        return shipped
    given = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    problems = list(_differences(given, shipped, ""))
    if problems:
        raise TextsError("\n".join(f"{path}: {problem}" for problem in problems))
    return _filled(given, shipped)


def untranslated(path: str | Path) -> list[str]:
    """Keys that a translation does not have.

    Parameters
    ----------
    path : str or Path
        The translation.

    Returns
    -------
    list of str
        With dots, as in `methods.paragraphs`; a key without its own is not entered.
    """
    given = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return list(_missing(given, yaml.safe_load(DEFAULT.read_text(encoding="utf-8")), ""))


def _filled(given: Any, shipped: Any) -> Any:
    if not isinstance(shipped, Mapping):
        return given
    return {key: _filled(given[key], shipped[key]) if key in given else shipped[key] for key in shipped} | {
        key: given[key] for key in given.keys() - shipped.keys()
    }


def _missing(given: Any, shipped: Any, place: str) -> Iterator[str]:
    if isinstance(shipped, Mapping):
        for key in shipped:
            name = f"{place}.{key}" if place else str(key)
            yield from _missing(given[key], shipped[key], name) if key in given else [name] * (key not in SAME)


def _differences(given: Any, shipped: Any, place: str) -> Iterator[str]:
    name = place or "the file"
    if type(given) is not type(shipped):
        yield f"{name}: expected a {type(shipped).__name__}, as in {DEFAULT.name}"
    elif isinstance(shipped, Mapping) and place.split(".")[-1] not in FREE:
        for key in given.keys() - shipped.keys():
            yield f"{name}: unknown key {key!r}; {nearest(str(key), map(str, shipped))}"
        for key in sorted(shipped.keys() & given.keys()):
            yield from _differences(given[key], shipped[key], f"{place}.{key}" if place else str(key))
    elif isinstance(shipped, list) and place.split(".")[-1] not in FREE and len(given) != len(shipped):
        yield f"{name}: {len(shipped)} entries are needed, as in {DEFAULT.name}"
