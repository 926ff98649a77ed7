"""Masks by another tool (LST-AI, SAMSEG, SynthStrip, a container): run its command, take what it writes.

A section of the configuration (`wmh_tool`, `brain_tool`, `artery_tool`, `cmb_tool`, `lacune_tool`,
`pvs_tool`) holds the command line.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.core.settings.tool import ToolSettings

MASK = "mask.nii.gz"


class ToolError(RuntimeError):
    """The tool gave no usable mask; the message says why."""


@contextmanager
def tool_run(images: Mapping[str, str | Path], written: Mapping[str, str], settings: ToolSettings) -> Iterator[Path]:
    """Run the command of a tool; yields its scratch folder, which is deleted afterwards.

    Parameters
    ----------
    images : Mapping[str, str | Path]
        Paths by the name that the command line has for them (FLAIR, T1w, image), copied to a scratch
        folder of the command's own, so that a container sees one folder and cannot touch the data.
    written : Mapping[str, str]
        Name in the command line -> file name, within the folder, of what the command is to write.
    settings : ToolSettings
        The tool's section.

    Yields
    ------
    Path
        The scratch folder.

    Raises
    ------
    ToolError
        Where the command cannot be read, names an image that the session lacks, cannot be started, or fails.
    """
    key = settings.KEY
    with tempfile.TemporaryDirectory(prefix=f"{key}_") as folder:
        places = {"folder": folder} | {word: f"{folder}/{name}" for word, name in written.items()}
        for column, path in images.items():
            places[column] = f"{folder}/{column}.nii.gz"
            shutil.copyfile(path, places[column])
        try:
            command = [part.format(**places) for part in shlex.split(settings.command or "")]
        except KeyError as error:
            raise ToolError(f"{key}: the command names {error}, which this session does not have") from error
        except (ValueError, IndexError, AttributeError) as error:  # of shlex and str.format
            raise ToolError(f"{key}: quotes or braces of the command are wrong ({error})") from error
        if not command:
            raise ToolError(f"{key}: the command is empty")
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise ToolError(f"{key}: {command[0]} cannot be started ({error.strerror})") from error
        print(done.stdout, done.stderr)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise ToolError(f"{key}: the command ended with code {done.returncode}: {last}")
        yield Path(folder)


def run_tool(images: Mapping[str, str | Path], grid: Image, settings: ToolSettings) -> np.ndarray:
    """The tool's mask (bool) on the grid of an image.

    Parameters
    ----------
    images : Mapping[str, str | Path]
        Name in the command line -> path.
    grid : Image
        Image whose grid the mask must have.
    settings : ToolSettings
        The tool's section.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool: where the tool's map is above the threshold.

    Raises
    ------
    ToolError
        Where the command fails, writes nothing, or writes a mask on another grid.
    """
    with tool_run(images, {"mask": MASK}, settings) as folder:
        path = str(folder / MASK)
        try:
            mask = read_image(path)
            require_same_grid(mask, grid, "the tool's mask and the image")
        except ImageError as error:
            raise ToolError(f"{settings.KEY}: {str(error).removeprefix(path + ': ')}") from error
    return mask.data > settings.threshold


def tool_facts(settings: ToolSettings) -> dict[str, Any]:
    """What is recorded of the tool beside its mask: the command, its version, the SHA-256 of its weights.

    Parameters
    ----------
    settings : ToolSettings
        The tool's section.

    Returns
    -------
    dict[str, Any]
        command, version and weights_sha256; None where they are not known.
    """
    weights = settings.weights
    digest = None
    if weights:
        with Path(weights).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"command": settings.command, "version": settings.version, "weights_sha256": digest}
