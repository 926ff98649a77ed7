"""Where the lint of prose finds what a user reads: pages, the report's texts, docstrings and messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TEXTS = (
    "angiolith/report/texts.yaml",
    "angiolith/audit/checklists.yaml",
    "angiolith/cohort/study_columns.yaml",
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PARAMETER = re.compile(r"[\w*`]+(?:, [\w*`]+)* : ")  # a line of a docstring that names parameters and their type
ENTRY = re.compile(r"^\s*([\w.:, ]+?)\s{2,}(?=\S)")  # "name.py   what it does": a line of a table in a docstring

NEXT_NAME = re.compile(r"[;.]\s+(?=[\w*`]+(?:, [\w*`]+)*: )")  # "name: meaning; name: meaning", one entry each


@dataclass(frozen=True)
class Source:
    """Texts that are judged together.

    Attributes
    ----------
    markdown : list of str
        Running text: judged by its sentences and by its words.
    strings : list of str
        Pieces of text around values: judged by their words alone.
    """

    markdown: list[str]
    strings: list[str]


def pages(root: Path = ROOT) -> list[Path]:
    """The Markdown pages: docs/, config/README.md and those at the top, written by hand or by a command."""
    return [*sorted(root.glob("*.md")), root / "config/README.md", *sorted((root / "docs").rglob("*.md"))]


def prose_of_docstring(docstring: str) -> str:
    """A docstring as Markdown, without titles of sections, names of parameters with their types, and examples."""
    lines: list[str] = []
    for line in docstring.splitlines():
        underline = bool(line.strip()) and set(line.strip()) == {"-"}
        if underline and lines:
            lines[-1] = ""
        code = underline or PARAMETER.match(line) or line.lstrip().startswith((">>>", "..."))
        lines.append("" if code else ENTRY.sub(r"- \1: ", line) if ENTRY.match(line.lstrip()) else line)
    return NEXT_NAME.sub(".\n\n", "\n".join(lines))


def texts_in(module: Path) -> Source:
    """The docstrings of a module, its classes and functions, and its other strings of several words."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = [node for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings, of settings too
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]
    return Source(
        [prose_of_docstring(text) for node in documented if (text := ast.get_docstring(node))],
        [text for text in strings if " " in text.strip()],
    )


def leaves(node: Any) -> Iterator[str]:
    """The texts of a YAML file but for references, with the places of values as inline code."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value) if key != "citations" else ()
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
    elif isinstance(node, str):
        text = re.sub(r"\{%.*?%\}", " ", node, flags=re.DOTALL)
        yield re.sub(r"\{\{.*?\}\}|\{\w*\}", "`value`", text, flags=re.DOTALL)


def sources(root: Path = ROOT) -> dict[str, Source]:
    """All that is judged, by the path of a page or texts file, or "docstrings of" and "messages of" a room."""
    found = {str(page.relative_to(root)): Source([page.read_text(encoding="utf-8")], []) for page in pages(root)}
    for file in TEXTS:
        found[file] = Source(list(leaves(yaml.safe_load((root / file).read_text(encoding="utf-8")))), [])
    for folder in sorted({file.parent for file in (root / "angiolith").rglob("*.py")}):
        room = folder.relative_to(root).as_posix()
        texts = [texts_in(module) for module in sorted(folder.glob("*.py"))]
        found[f"docstrings of {room}"] = Source([text for one in texts for text in one.markdown], [])
        found[f"messages of {room}"] = Source([], [text for one in texts for text in one.strings])
    return found
