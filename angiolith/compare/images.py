"""The image that a scan's masks are shown on."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from angiolith.compare.kinds import KINDS
from angiolith.compare.pairs import Pair, same_grid
from angiolith.core.bids.names import column_of
from angiolith.core.bids.walk import files_of_subjects
from angiolith.core.manifest_checks import NIFTI, NO_SESSION

Images = dict[tuple[str, str], dict[str, Path]]  # (subject, session) -> column -> image


def images_in(bids: Path | None) -> Images:
    """The images of a BIDS folder; of several that claim one column, that with the shortest name.

    Parameters
    ----------
    bids : Path | None
        The BIDS folder, or None.

    Returns
    -------
    Images
        (subject, session) -> column -> path.
    """
    images: Images = defaultdict(dict)
    for found in files_of_subjects(str(bids)) if bids else ():
        column = column_of(found.path) if found.path.endswith(NIFTI) and found.session is not None else None
        if column and found.session is not None:
            of = images[found.subject, found.session]
            of[column] = min(
                of.get(column, Path(found.path)), Path(found.path), key=lambda path: (len(path.name), path)
            )
    return dict(images)


def image_of(pair: Pair, images: Images) -> tuple[str, Path] | None:
    """Column and path of the image to show: that of the space in the truth's name, else one on its grid, else one of
    the kind.

    Parameters
    ----------
    pair : Pair
        The pair of masks.
    images : Images
        (subject, session) -> column -> path.

    Returns
    -------
    tuple[str, Path] | None
        Column and path, or None.
    """
    sessions = [session for subject, session in images if subject == pair.subject]
    alone = sessions[0] if len(sessions) == 1 and NO_SESSION in (pair.session, *sessions) else pair.session
    there = images.get((pair.subject, pair.session)) or images.get((pair.subject, alone), {})
    usual = [name for name in KINDS[pair.kind].images if name in there]
    on_grid = [name for name in (*usual, *there) if same_grid(there[name], pair.truth.path)]
    named = [name for name in there if name.lower() == pair.truth.space.lower()]
    column = next(iter([*named, *on_grid, *usual]), None)
    return (column, there[column]) if column else None
