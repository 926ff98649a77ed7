"""What a job says of the spots of a session (microbleeds, lacunes, perivascular spaces), and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from angiolith.core.images import Image, moved, write_made
from angiolith.core.tables import write_json, write_tsv
from angiolith.small_vessel.blobs import ball_diameter_mm

PLACE = ["x_mm", "y_mm", "z_mm"]


def place_and_size(voxels: np.ndarray, grid: Image) -> dict[str, float]:
    """Place and size of a spot.

    Parameters
    ----------
    voxels : ndarray of int, shape (n, 3)
        Its indices on the grid.
    grid : Image
        Its affine is taken.

    Returns
    -------
    dict
        Middle (PLACE, RAS mm of the grid), diameter (mm, of the ball of its volume) and volume (mm3).
    """
    volume_mm3 = len(voxels) * grid.voxel_volume_mm3
    middle = moved(grid.affine, voxels.mean(axis=0)[None])[0]
    place = dict(zip(PLACE, map(float, middle), strict=True))
    return place | {"diameter_mm": ball_diameter_mm(volume_mm3), "volume_mm3": volume_mm3}


@dataclass(frozen=True)
class Spots:
    """Table of spots, their label map on the image's grid (None if nothing was measured), and the facts about them.

    found: the label map before any reader, where a job applies the decisions on what it finds itself.
    """

    table: pd.DataFrame
    labels: Image | None
    facts: dict[str, Any]
    found: Image | None = None

    def write(self, keys: Mapping[str, str], table: str | Path, labels: str | Path, facts: str | Path) -> None:
        """Write the three files; keys: subject and session, which stand in front in table and facts.

        Parameters
        ----------
        keys : Mapping[str, str]
            Subject and session.
        table : str | Path
            Path of the table.
        labels : str | Path
            Path of the label map.
        facts : str | Path
            Path of the facts.
        """
        write_tsv(self.table.assign(**keys)[[*keys, *self.table.columns]], table)
        write_made(self.labels, labels)
        write_json({**keys, **self.facts}, facts)
