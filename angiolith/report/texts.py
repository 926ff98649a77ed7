"""The report's texts: one file, which another language replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from angiolith.core.names import nearest

DEFAULT = Path(__file__).parent / "texts.yaml"
FREE = ("advice", "citations", "paragraphs")  # lists whose length a translation may choose


class TextsError(ValueError):
    """A file of texts does not fit the report's; one line per problem: file, key, what to do."""


def read_texts(path: str | Path | None = None) -> dict[str, Any]:
    """The texts of a file; the shipped English ones by default.

    Raises TextsError, with a line for each, for keys that the shipped file lacks or has in addition.
    """
    shipped = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    if path is None:
        return shipped
    given = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    problems = list(_differences(given, shipped, ""))
    if problems:
        raise TextsError("\n".join(f"{path}: {problem}" for problem in problems))
    return given


def _differences(given: Any, shipped: Any, place: str) -> Iterator[str]:
    name = place or "the file"
    if type(given) is not type(shipped):
        yield f"{name}: expected a {type(shipped).__name__}, as in {DEFAULT.name}"
    elif isinstance(shipped, Mapping) and place.split(".")[-1] not in FREE:
        for key in given.keys() - shipped.keys():
            yield f"{name}: unknown key {key!r}; {nearest(str(key), map(str, shipped))}"
        for key in sorted(shipped.keys() - given.keys()):
            yield f"{name}: the key {key!r} is missing; copy it from {DEFAULT.name}"
        for key in sorted(shipped.keys() & given.keys()):
            yield from _differences(given[key], shipped[key], f"{place}.{key}" if place else str(key))
    elif isinstance(shipped, list) and place.split(".")[-1] not in FREE and len(given) != len(shipped):
        yield f"{name}: {len(shipped)} entries are needed, as in {DEFAULT.name}"
