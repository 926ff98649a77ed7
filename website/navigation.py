"""Hooks of the site: its navigation is docs/README.md, and no page loads anything from elsewhere."""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

INDEX = "docs/README.md"
HEADING = re.compile(r"^## (.+)$")
LINK = re.compile(r"^- \[(.+)\]\(([^)]+\.md)\)$")
PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "SUPPORT.md")  # pages at the top, not in the index
REMOTE = "https://unpkg.com/iframe-worker/shim"  # what the theme loads so that the search works from disk
LOCAL = "iframe-worker.js"  # the same, here


def navigation(index: str) -> list[dict[str, Any]]:
    """The entries of mkdocs' `nav`.

    Parameters
    ----------
    index : str
        Markdown: headings of the second level, each with a list of links to pages.

    Returns
    -------
    list of dict
        A section for each heading; paths from the folder above the index.
    """
    sections: list[dict[str, Any]] = []
    for line in index.splitlines():
        if heading := HEADING.match(line):
            sections.append({heading[1]: []})
        elif (link := LINK.match(line)) and sections:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(INDEX), link[2]))
            next(iter(sections[-1].values())).append({link[1]: path})
    about = [{"All pages": INDEX}, *({Path(page).stem.capitalize(): page} for page in PROJECT)]
    return [{"Home": "README.md"}, *sections, {"About": about}]


def on_config(config: Any) -> Any:
    """mkdocs' hook: the navigation is made before the site is."""
    config["nav"] = navigation((Path(config["docs_dir"]) / INDEX).read_text(encoding="utf-8"))
    return config


def on_post_page(output: str, page: Any, config: Any) -> str:
    """mkdocs' hook: the theme's one remote script is the site's own.

    Parameters
    ----------
    output : str
        The page's HTML.
    page, config
        mkdocs' page and configuration.

    Returns
    -------
    str
        HTML that loads nothing from elsewhere.
    """
    up = "../" * page.url.count("/")
    return output.replace(REMOTE, up + LOCAL)


def on_post_build(config: Any) -> None:
    """mkdocs' hook: the script lies at the top of the site."""
    shutil.copy(Path(__file__).with_name(LOCAL), config["site_dir"])
