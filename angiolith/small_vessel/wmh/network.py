"""The WMH network: probability of WMH and of an infarct for every voxel of a FLAIR.

A 2-D U-Net on axial slices in the manner of the WMH challenge's winner (Li 2018, doi 10.1016/j.neuroimage.2018.07.005);
how it was fitted stands in resources/wmh_model/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from angiolith.core.networks import open_network
from angiolith.small_vessel.wmh.shown import CHANNELS
from angiolith.small_vessel.wmh.working import Working, channels_of

# [label] Classes of the network. Source: definition.
WMH, INFARCT = 1, 2
# [pixels] The sides of what the network takes are multiples of it. Source: definition (the network's halvings).
EVERY = 16
# [slices] Slices at once. Source: numerics.
BATCH = 4
# [pixels] Slices with less brain are left out. Source: numerics.
BRAIN_PIXELS_MIN = 100


@dataclass(frozen=True)
class WmhModel:
    """The session of the network, and what to record beside its masks."""

    session: onnxruntime.InferenceSession
    version: str


def read_wmh_model(path: str | Path, threads: int = 1) -> WmhModel:
    """Read `wmh.onnx`.

    Parameters
    ----------
    path : str | Path
        Path of the ONNX file.
    threads : int
        Number of threads.

    Returns
    -------
    WmhModel
        The network and its version.
    """
    session = open_network(path, threads)
    return WmhModel(session, session.get_modelmeta().custom_metadata_map["version"])


def probabilities(working: Working, model: WmhModel) -> tuple[np.ndarray, np.ndarray]:
    """Probability of WMH and of an infarct on the working slices (x, y, z); 0 outside the brain.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    model : WmhModel
        The network.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Two arrays (x, y, z), float32, 0 to 1.
    """
    x, y, _ = working.flair.shape
    padded = (-(-x // EVERY) * EVERY, -(-y // EVERY) * EVERY)
    found = np.zeros((2, *working.flair.shape), np.float32)
    numbers = np.flatnonzero(working.brain.sum(axis=(0, 1)) >= BRAIN_PIXELS_MIN)
    for start in range(0, len(numbers), BATCH):
        some = numbers[start : start + BATCH]
        shown = np.zeros((len(some), len(CHANNELS), *padded), np.float32)
        shown[:, :3] = working.flair.min()
        for k, number in enumerate(some):
            shown[k, :, :x, :y] = channels_of(working, int(number))
        given = np.asarray(model.session.run(None, {"image": shown})[0])
        found[:, :, :, some] = np.moveaxis(given[:, (WMH, INFARCT), :x, :y], 0, -1)
    return found[0] * working.brain, found[1] * working.brain
