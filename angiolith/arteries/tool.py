"""Arteries by another tool (TotalSegmentator, a TopCoW network, a container): run its command, take what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.arteries.names import INDEX, parse_name
from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.core.settings.arteries import ArteryToolSettings
from angiolith.core.tables import read_tsv
from angiolith.core.tool import MASK, ToolError, tool_run

WRITTEN = {"mask": MASK, "lookup": "mask.tsv", "masks": "masks"}
NIFTI = (".nii.gz", ".nii")


def run_artery_tool(
    images: Mapping[str, str | Path], settings: ArteryToolSettings
) -> tuple[Image, pd.DataFrame | None]:
    """The tool's label map of arteries, and the lookup (columns index, name) of its numbers, None where TopCoW's.

    A folder of masks is taken as one label map of the project's numbers: of its files those count whose names name an
    artery (`internal_carotid_artery_left`).

    Parameters
    ----------
    images : Mapping[str, str | Path]
        Column -> path.
    settings : ArteryToolSettings
        Section `artery_tool`.

    Returns
    -------
    tuple[Image, pd.DataFrame | None]
        The label map, and the lookup table or None.

    Raises
    ------
    ToolError
        If the command fails or writes nothing that can be read.
    """
    with tool_run(images, WRITTEN, settings) as folder:
        mask, lookup, masks = (folder / name for name in WRITTEN.values())
        try:
            if not mask.exists() and masks.is_dir():
                return one_label_map(masks, settings.threshold), None
            return read_image(str(mask)), read_tsv(str(lookup)) if lookup.exists() else None
        except (ImageError, KeyError, pd.errors.ParserError) as error:
            raise ToolError(f"{settings.KEY}: {str(error).replace(f'{folder}/', '')}") from error


def one_label_map(folder: Path, threshold: float) -> Image:
    """One label map of the project's numbers from a folder with one mask per artery; ImageError where none is.

    Parameters
    ----------
    folder : Path
        Folder with one mask per artery.
    threshold : float
        Voxels above it are in a mask.

    Returns
    -------
    Image
        The label map.

    Raises
    ------
    ImageError
        Where no file names an artery, or the grids differ.
    """
    found: Image | None = None
    for path in sorted(folder.iterdir()):
        name = parse_name(path.name.removesuffix(".gz").removesuffix(".nii"))
        if name is None or not path.name.endswith(NIFTI):
            continue
        mask = read_image(str(path))
        if found is None:
            found = mask.with_data(np.zeros(mask.data.shape, np.float32))
        require_same_grid(mask, found, f"{path.name} and the masks before it")
        found.data[mask.data > threshold] = INDEX[name]
    if found is None:
        raise ImageError("no file in the folder of masks names an artery")
    return found
