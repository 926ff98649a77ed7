"""The methods section of a run, written from its own settings and versions, with the references that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

BREAK_IN_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")


def methods_section(texts: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """Paragraphs (title, text) that hold for this run, and the references named in them, in alphabetical order.

    Parameters
    ----------
    texts : Mapping[str, Any]
        `methods` of the texts.
    facts : Mapping[str, Any]
        Settings, what there is, numbers and versions.

    Returns
    -------
    tuple[list[tuple[str, str]], list[str]]
        Pairs of title and text, and references.
    """
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["join"] = lambda values, between: between.join(f"{value:g}" for value in values)
    paragraphs = [
        (paragraph["title"], _one_line(environment.from_string(paragraph["text"]).render(facts)))
        for paragraph in texts["paragraphs"]
        if environment.compile_expression(paragraph["when"])(**facts)
    ]
    written = " ".join(text for _, text in paragraphs)
    named = [key for key in texts["citations"] if key in written]
    return paragraphs, [texts["citations"][key] for key in sorted(named, key=str.lower)]


def _one_line(text: str) -> str:
    """A text without line breaks; Chinese has no blanks where its lines were broken."""
    return BREAK_IN_CHINESE.sub("", " ".join(text.split()))
