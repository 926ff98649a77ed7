"""One subject made again in a scratch folder, by today's code and settings, and its bytes compared with the run's."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from angiolith.audit.inventory import ROOT, read_inventory
from angiolith.audit.settings import current_settings
from angiolith.runtime.records import path_of, record_of_run, sha256

PATHS = ("bids_dir", "manifest", "participants", "phenotype_dir")


class RerunError(RuntimeError):
    """The subject cannot be made again; the message says why."""


def compare_rerun(root: Path, subject: str, scratch: Path | None = None) -> tuple[int, list[tuple[str, str]]]:
    """How many files of `subject` were compared, and (file, what differs) for each whose bytes differ.

    All of the subject's jobs run again (one core), none of the cohort's.

    Parameters
    ----------
    root : Path
        The output folder.
    subject : str
        Label of the subject.
    scratch : Path | None
        Folder to run in; None for a temporary one.

    Returns
    -------
    tuple[int, list[tuple[str, str]]]
        Number of files, and pairs of name and difference.

    Raises
    ------
    RerunError
        Where the run has no file of the subject, or cannot be run again.
    """
    with tempfile.TemporaryDirectory(prefix="angiolith-rerun-") as temporary:
        folder = (scratch or Path(temporary)).absolute()
        names = [entry.name for entry in read_inventory(root) if entry.kind == "output"]
        names = [name for name in names if name.startswith(f"sub-{subject}/")]
        if not names:
            raise RerunError(f"{root}: the run has no file of sub-{subject}")
        again = run_again(root, subject, names, folder)
        return len(names), list(differences(root, again, names))


def run_again(root: Path, subject: str, names: Iterable[str], folder: Path) -> Path:
    """Run the jobs behind these files in `folder`; returns the output folder there.

    Relative paths of the configuration stay what they are (as links), since messages of a library may quote them.

    Parameters
    ----------
    root : Path
        The output folder.
    subject : str
        Label of the subject.
    names : Iterable[str]
        Names of files below it.
    folder : Path
        Folder to run in.

    Returns
    -------
    Path
        The output folder there.

    Raises
    ------
    RerunError
        Where the run is not finished, or the rerun fails.
    """
    own = record_of_run(root)
    if own is None:
        raise RerunError(f"{root}: no finished run; run the workflow to its end first")
    workdir = path_of(root, own.params["workdir"])
    settings: dict[str, Any] = current_settings(root, own) | {"analyses": {}, "printed_tables": {}}
    folder.mkdir(parents=True, exist_ok=True)
    linked = [path for key in PATHS if (path := settings[key]) and within(path)]
    for path in sorted(linked, key=lambda path: len(Path(path).parts)):
        if not (folder / path).exists():  # it may lie within one that is linked already
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to((workdir / path).absolute())
    outside = {key: path for key in PATHS if (path := settings[key]) and not within(path)}
    settings |= {key: str((workdir / path).absolute()) for key, path in outside.items()}
    output = settings["output_dir"]
    free = within(output) and not any(Path(output).is_relative_to(path) for path in linked)
    settings |= {"output_dir": output if free else "out", "subjects": [subject]}
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    command += ["--configfile", "config.json", "--", *(f"{settings['output_dir']}/{name}" for name in names)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RerunError(f"sub-{subject} cannot be made again: {(done.stderr or done.stdout).strip()[-2000:]}")
    return folder / settings["output_dir"]


def within(path: str) -> bool:
    """Whether a path names something below the working folder.

    Parameters
    ----------
    path : str
        A path.

    Returns
    -------
    bool
        True for a relative path that does not leave the folder.
    """
    return not Path(path).is_absolute() and ".." not in Path(path).parts and path != "."


def differences(root: Path, again: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(file, what differs) between two output folders, over these names.

    Parameters
    ----------
    root : Path
        The output folder.
    again : Path
        The other output folder.
    names : Iterable[str]
        Names of files below it.

    Yields
    ------
    tuple[str, str]
        Name and difference.
    """
    for name in names:
        old, new = root / name, again / name
        if not old.is_file() or not new.is_file():
            yield name, f"only in {again if new.is_file() else root}"
        elif sha256(old) != sha256(new):
            yield name, how_they_differ(old, new)


def how_they_differ(old: Path, new: Path) -> str:
    """One line on what two files that should be equal differ in: sizes, and the first line of text that differs.

    Parameters
    ----------
    old, new : Path
        Paths of the two files.

    Returns
    -------
    str
        One line.
    """
    sizes = f"{old.stat().st_size} and {new.stat().st_size} bytes"
    try:
        before, after = old.read_text(encoding="utf-8").splitlines(), new.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return sizes
    number = next((n for n, pair in enumerate(zip(before, after, strict=False), 1) if pair[0] != pair[1]), None)
    return f"{sizes}, line {number or min(len(before), len(after)) + 1}"
