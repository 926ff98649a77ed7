"""Every file below the subjects of a BIDS folder, and which folders hold results of this project.

Folders are listed with os.scandir (no BIDS library: those take minutes on large trees).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from angiolith.core.manifest_checks import LABEL, NO_SESSION, ManifestError

OWN_NAME = "angiolith"  # in GeneratedBy of what this project writes
NEAR_SUBJECT = re.compile(r"(sub|subject|subj)[-_ ]?([A-Za-z0-9]+)", re.IGNORECASE)
DEPTH_MAX = 3  # folders below a folder of images that are looked into for what is not read


class Found(NamedTuple):
    """A file below a subject: its session (None: it lies in none), its kind's folder (None: in none), its path."""

    subject: str
    session: str | None
    folder: str | None
    path: str


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does: 128 bytes of anything, then "DICM".

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    bool
        True for DICOM.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def listing(path: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Folders and other entries of a folder, each sorted by name; none where there is no such folder.

    Parameters
    ----------
    path : str
        Path of the folder.

    Returns
    -------
    tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]
        Folders, then other entries.
    """
    try:
        with os.scandir(path) as entries:
            every = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    folders: list[os.DirEntry[str]] = []
    files: list[os.DirEntry[str]] = []
    for entry in every:
        (folders if _is_folder(entry) else files).append(entry)
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def subject_folders(root: str) -> list[str]:
    """Paths of the folders `sub-*`, sorted.

    Parameters
    ----------
    root : str
        The BIDS folder.

    Returns
    -------
    list[str]
        Paths that begin with `root`.
    """
    return [entry.path for entry in listing(root)[0] if entry.name.startswith("sub-")]


def near_subjects(root: str) -> list[tuple[str, str]]:
    """Folders that were probably meant as a subject's, with the name that they should have.

    Parameters
    ----------
    root : str
        The BIDS folder.

    Returns
    -------
    list[tuple[str, str]]
        Pairs of the folder's path and the name that it should have.
    """
    found = []
    for entry in listing(root)[0]:
        match = NEAR_SUBJECT.fullmatch(entry.name)
        if match and not entry.name.startswith("sub-"):
            found.append((entry.path, f"sub-{match[2]}"))
    return found


def files_of_subjects(root: str) -> Iterator[Found]:
    """Every file below the `sub-*` folders of a BIDS-like root, sorted.

    Parameters
    ----------
    root : str
        The BIDS folder.

    Yields
    ------
    Found
        One file with its subject, session and folder of its kind.

    Raises
    ------
    ManifestError
        For a label that is no BIDS label.
    """
    for folder in subject_folders(root):
        subject = _label(folder, os.path.basename(folder).removeprefix("sub-"))
        folders, files = listing(folder)
        sessions = [entry for entry in folders if entry.name.startswith("ses-")]
        if not sessions:
            yield from _of_session(subject, NO_SESSION, folder)
            continue
        for entry in sessions:
            yield from _of_session(subject, _label(entry.path, entry.name.removeprefix("ses-")), entry.path)
        yield from (Found(subject, None, None, entry.path) for entry in files)
        for entry in folders:
            if entry not in sessions:
                yield from (Found(subject, None, entry.name, path) for path in _below(entry.path, 0))


def _label(path: str, label: str) -> str:
    if not LABEL.fullmatch(label):
        raise ManifestError(f"{path}: the label {label!r} may hold letters and digits only (BIDS)")
    return label


def _of_session(subject: str, session: str, path: str) -> Iterator[Found]:
    folders, files = listing(path)
    yield from (Found(subject, session, None, entry.path) for entry in files)
    for entry in folders:
        inner, images = listing(entry.path)
        yield from (Found(subject, session, entry.name, image.path) for image in images)
        if not entry.is_symlink():  # a link may lead back to its parent
            for deeper in inner:
                yield from (Found(subject, session, None, image) for image in _below(deeper.path, 1))


def _below(path: str, depth: int) -> Iterator[str]:
    if os.path.islink(path) or depth > DEPTH_MAX:
        return
    folders, files = listing(path)
    yield from (entry.path for entry in files)
    for entry in folders:
        yield from _below(entry.path, depth + 1)


def is_own(folder: str | Path) -> bool:
    """Whether a folder holds results of this project, of any version, finished or not.

    Known by GeneratedBy in dataset_description.json, which a finished run has, or by manifest and logs, which every run
    has from its first job on; never by the folder's name.

    Parameters
    ----------
    folder : str | Path
        Path of the folder.

    Returns
    -------
    bool
        True for an output folder of angiolith.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8-sig"))
        makers = description.get("GeneratedBy", [])
        if any(str(maker.get("Name", "")).strip().lower() == OWN_NAME for maker in makers):
            return True
    except (OSError, ValueError, AttributeError, TypeError):  # none, or none of BIDS
        pass
    try:
        header = (folder / "manifest.tsv").read_text(encoding="utf-8").split("\n", 1)[0]
    except (OSError, ValueError):
        return False
    return header.split("\t")[:2] == ["subject", "session"] and (folder / "logs").is_dir()


def same_place(one: str | Path, other: str | Path) -> bool:
    """Whether two paths lead to the same file or folder, links resolved.

    Parameters
    ----------
    one, other : str | Path
        Paths.

    Returns
    -------
    bool
        True where they do.
    """
    return os.path.realpath(one) == os.path.realpath(other)


def lies_in(path: str | Path, folder: str | Path) -> bool:
    """Whether a path is this folder or lies below it, links resolved.

    Parameters
    ----------
    path : str | Path
        Path of a file or folder.
    folder : str | Path
        Path of the folder that may hold it.

    Returns
    -------
    bool
        True for the folder itself too.
    """
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return inner == outer or inner.startswith(os.path.join(outer, ""))
