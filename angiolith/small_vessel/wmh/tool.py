"""WMH masks by another tool (LST-AI, SAMSEG, WMH-SynthSeg, a container): run its command, take what it writes."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.core.settings.wmh import WmhToolSettings


class ToolError(RuntimeError):
    """The tool gave no usable mask; the message says why."""


def run_tool(images: Mapping[str, str | Path], flair: Image, settings: WmhToolSettings) -> np.ndarray:
    """The tool's WMH mask (bool) on the FLAIR's grid.

    images: paths by column (FLAIR, T1w), copied to a scratch folder of the command's own, so that a container sees one
    folder and cannot touch the data. settings: section `wmh_tool`. Raises ToolError if the command fails, writes
    nothing, or writes a mask on another grid.
    """
    with tempfile.TemporaryDirectory(prefix="wmh_tool_") as folder:
        places = {"folder": folder, "mask": f"{folder}/mask.nii.gz"}
        for column, path in images.items():
            places[column] = f"{folder}/{column}.nii.gz"
            shutil.copyfile(path, places[column])
        try:
            command = [part.format(**places) for part in shlex.split(settings.command or "")]
        except KeyError as error:
            raise ToolError(f"wmh_tool: the command names {error}, which this session does not have") from error
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ToolError(f"wmh_tool: {command[0]} cannot be started ({error.strerror})") from error
        print(done.stdout, done.stderr)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise ToolError(f"wmh_tool: the command ended with code {done.returncode}: {last}")
        try:
            mask = read_image(places["mask"])
            require_same_grid(mask, flair, "the tool's mask and the FLAIR")
        except ImageError as error:
            raise ToolError(f"wmh_tool: {str(error).removeprefix(places['mask'] + ': ')}") from error
    return mask.data > settings.threshold


def tool_facts(settings: WmhToolSettings) -> dict[str, Any]:
    """What is recorded of the tool beside its mask: the command, its version, the SHA-256 of its weights."""
    weights = settings.weights
    digest = None
    if weights:
        with Path(weights).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"command": settings.command, "version": settings.version, "weights_sha256": digest}
