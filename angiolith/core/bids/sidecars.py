"""The JSON files that describe an image, by BIDS' inheritance principle: from the data set's root down to the image.

A JSON applies to every image below its folder that has its suffix and all of its entities; a key of a deeper file takes
precedence over the same key of a higher one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from angiolith.core.bids.names import entities_of, suffix_of
from angiolith.core.names import beside


class Sidecars:
    """The sidecars below one folder; each folder is listed, and each file read, once."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(Path(root))
        self._jsons: dict[str, list[tuple[str, str, dict[str, str]]]] = {}
        self._by_suffix: dict[str, dict[str, list[tuple[str, dict[str, str]]]]] = {}
        self._facts: dict[str, dict[str, Any] | None] = {}

    def paths(self, image: str | Path) -> list[str]:
        """The JSON files that apply to an image (its path from the working folder), the nearest last.

        Parameters
        ----------
        image : str | Path
            Path of the image from the working folder.

        Returns
        -------
        list[str]
            Paths of JSON files, the most general first.
        """
        image = os.path.normpath(image) if not isinstance(image, str) or image.startswith("./") else image
        folder, name = os.path.split(image)
        own = beside(image, ".json")
        found = []
        if name.startswith("sub-"):
            entities = entities_of(name)
            for path, theirs in self._above(folder).get(suffix_of(name), []):
                if path != own and theirs.items() <= entities.items():
                    found.append(path)
        return found + ([own] if os.path.isfile(own) else [])

    def facts(self, image: str | Path) -> dict[str, Any]:
        """What the sidecars say together; a file that cannot be read says nothing.

        Parameters
        ----------
        image : str | Path
            Path of the image from the working folder.

        Returns
        -------
        dict[str, Any]
            Key -> value; nearer files override.
        """
        merged: dict[str, Any] = {}
        for path in self.paths(image):
            if path not in self._facts:
                self._facts[path] = read_sidecar(path)
            merged |= self._facts[path] or {}
        return merged

    def _above(self, folder: str) -> dict[str, list[tuple[str, dict[str, str]]]]:
        """Suffix -> the JSON files of this folder and those above it, with their entities, the nearest last."""
        if folder not in self._by_suffix:
            found: dict[str, list[tuple[str, dict[str, str]]]] = {}
            for level in self._levels(folder):
                for path, suffix, entities in sorted(self._in_folder(level), key=lambda entry: len(entry[2])):
                    found.setdefault(suffix, []).append((path, entities))
            self._by_suffix[folder] = found
        return self._by_suffix[folder]

    def _levels(self, folder: str) -> list[str]:
        """The root and every folder from there to this one; this one alone where it does not lie below the root."""
        below = "" if self.root == "." else f"{self.root}/"
        if folder == self.root or not folder.startswith(below) or os.path.isabs(folder) != os.path.isabs(self.root):
            return [folder]
        levels = [self.root]
        for part in folder.removeprefix(below).split("/"):
            levels.append(part if levels[-1] == "." else f"{levels[-1]}/{part}")
        return levels

    def _in_folder(self, folder: str) -> list[tuple[str, str, dict[str, str]]]:
        if folder not in self._jsons:
            try:
                names = sorted(os.listdir(folder or "."))
            except OSError:
                names = []
            self._jsons[folder] = [
                (name if folder in ("", ".") else f"{folder}/{name}", suffix_of(name), entities_of(name))
                for name in names
                if name.endswith(".json") and not name.startswith(".")
            ]
        return self._jsons[folder]


def applies(sidecar: str, image: str) -> bool:
    """Whether a JSON, by its name, describes an image below its folder.

    Parameters
    ----------
    sidecar : str
        Path of the JSON file.
    image : str
        Path of the image, from the same folder as the sidecar's path.

    Returns
    -------
    bool
        True where suffix and entities fit and the image lies in or below the sidecar's folder.
    """
    if sidecar == beside(image, ".json"):
        return True
    name, described = os.path.basename(sidecar), os.path.basename(image)
    same = suffix_of(name) == suffix_of(described) and entities_of(name).items() <= entities_of(described).items()
    below = os.path.dirname(sidecar)
    return sidecar.endswith(".json") and same and (not below or os.path.dirname(image).startswith(f"{below}/"))


def read_sidecar(path: str | Path) -> dict[str, Any] | None:
    """The content of one sidecar, or None where it is no JSON object, not UTF-8, or cannot be read.

    Parameters
    ----------
    path : str | Path
        Path of the JSON file.

    Returns
    -------
    dict[str, Any] | None
        Key -> value, or None.
    """
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def merged(paths: Iterable[str | Path]) -> tuple[dict[str, Any], list[str]]:
    """What sidecars say together, the later before the earlier, and the names of those that cannot be read.

    Parameters
    ----------
    paths : Iterable[str | Path]
        Paths of JSON files, the nearest last.

    Returns
    -------
    tuple[dict[str, Any], list[str]]
        Key -> value of all, and the names of the files that cannot be read.
    """
    facts: dict[str, Any] = {}
    broken = []
    for path in paths:
        found = read_sidecar(path)
        if found is None:
            broken.append(Path(path).name)
        facts |= found or {}
    return facts, broken
