"""Names of files beside images, and names that are not known with what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def beside(image: str, ending: str) -> str:
    """The path of the file that belongs to a NIfTI image by its name: its sidecar (.json), its lookup table (.tsv).

    Parameters
    ----------
    image : str
        Path of the NIfTI image.
    ending : str
        Ending with its dot, such as `.json`.

    Returns
    -------
    str
        The path with the other ending.
    """
    return image.removesuffix(".gz").removesuffix(".nii") + ending


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a message: `did you mean 'x'?`, or the known names where none is near; case does not count.

    Parameters
    ----------
    name : str
        The unknown name.
    known : Iterable[str]
        Names that are known.

    Returns
    -------
    str
        The hint, without a full stop.
    """
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    return f"did you mean {folded[near[0]]!r}?" if near else f"known: {', '.join(names) or 'none'}"
