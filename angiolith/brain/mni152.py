"""The MNI152 maps (ICBM 2009a nonlinear symmetric, Fonov et al. 2011) that nilearn's wheel holds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from angiolith.core.images import Image, read_image


def mni152_map(name: str) -> Image:
    """The brain-extracted T1 average ("t1") or a tissue map ("wm", "gm") at 1 mm, scaled to a maximum of 1.

    Parameters
    ----------
    name : str
        "t1", "wm" or "gm".

    Returns
    -------
    Image
        The map, 0 to 1, in MNI152 space.

    Raises
    ------
    ModuleNotFoundError
        If nilearn is not installed.
    """
    spec = find_spec("nilearn")  # only the folder: importing nilearn costs seconds
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nilearn, whose wheel holds the MNI152 maps, is not installed")
    folder = Path(spec.origin).parent / "datasets" / "data"
    image = read_image(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
    return image.with_data(image.data / image.data.max())
