"""Pictures of every mark of a session, kind by kind, those that wait for a person first.

They show the marks as the tool found them: a second reader does not see what the first decided. What readers drew
stands below, on pages of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL.Image import Image as Picture
from scipy.ndimage import center_of_mass

from angiolith.core.distance import label_voxels
from angiolith.core.images import Image, moved, read_ct, read_image
from angiolith.core.inputs import Inputs
from angiolith.core.tables import MISSING, REVIEW, read_json, read_tsv, was_made
from angiolith.marks.found import as_found, drawn_by_readers
from angiolith.marks.kinds import CALCIFICATION, INFARCT, LACUNE, MICROBLEED, PERIVASCULAR, PLAQUE, WMH, MarkKind
from angiolith.marks.verdicts import in_order, waiting
from angiolith.pictures.canvas import absent
from angiolith.pictures.marks import Mark, montage, stacked
from angiolith.pictures.windows import CT_WINDOW_HU, window_of, window_text
from angiolith.report.session_pictures import NoPicture, counted, number, require

CALCIFICATION_HALF_MM = 14.0  # half of a panel: the mark with its artery and the bone beside it
SPOT_HALF_MM = 18.0
PLAQUE_HALF_MM = 10.0
WMH_HALF_MM = (18.0, 70.0)  # of the smallest and of the largest panel: WMH differ in size
WMH_BESIDE_MM = 8.0  # shown beside the mark
CENTRE = ["x_mm", "y_mm", "z_mm"]

NAMES = {"perivascular_space": "perivascular space", "wmh": "WMH", "infarct": "suspected infarct"}


def session_montages(given: Inputs, title: str) -> Iterator[tuple[str, Picture | Figure]]:
    """Name and picture of every kind of mark; where there is nothing to draw, the picture says why.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Yields
    ------
    tuple[str, Picture | Figure]
        Name and picture.
    """
    drawers: dict[MarkKind, Callable[[Inputs, str], Picture]] = {
        CALCIFICATION: draw_calcifications,
        MICROBLEED: draw_microbleeds,
        LACUNE: draw_lacunes,
        WMH: lambda given, title: draw_wmh(given, title, WMH),
        INFARCT: lambda given, title: draw_wmh(given, title, INFARCT),
        PERIVASCULAR: draw_perivascular,
        PLAQUE: draw_plaques,
    }
    for kind, draw in drawers.items():
        head = f"{title}: every {NAMES.get(kind.name, kind.name)}"
        try:
            yield kind.montage, draw(given, head)
        except NoPicture as why:
            yield kind.montage, absent(head, why.status, why.reason)


def draw_calcifications(given: Inputs, title: str) -> Picture:
    """Every calcification on the CT.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    NoPicture
        Where a file was not made.
    """
    require(given, ("ct", "CT", "calcification_facts"), ("calcification", "calcification map", "calcification_facts"))
    maps = _maps(given, CALCIFICATION, "calcification")
    of = Rows(given["lesions"], CALCIFICATION, calcification_lines)
    return _picture(title, "the CT", read_ct(given["ct"]), maps, of, (CT_WINDOW_HU, "HU"), CALCIFICATION_HALF_MM)


@dataclass(frozen=True)
class Rows:
    """Table and kind of a picture's marks, and the lines of text of each; has_sizes: each in panels of its own size."""

    path: str
    kind: MarkKind
    lines: Callable[[dict[Hashable, Any]], list[str]]
    has_sizes: bool = False


def _maps(given: Inputs, kind: MarkKind, held: str) -> tuple[Image, Image]:
    """The label map of a kind before and after the readers."""
    after = read_image(given[held])
    before = given.get(f"{kind.name}_found")
    return (read_image(before) if before and was_made(before) else after), after


def _picture(
    title: str,
    on: str,
    image: Image,
    maps: tuple[Image, Image],
    of: Rows,
    window: tuple[tuple[float, float], str],
    half_mm: float,
) -> Picture:
    """Every mark as the tool found it, then those that readers drew."""
    drawn = drawn_by_readers(read_tsv(of.path))
    parts = []
    for labels, is_drawn in zip(maps, (False, True), strict=True):
        if is_drawn and drawn.empty:
            continue
        places = places_of(labels) if of.has_sizes else {n: (at, None) for n, at in centres_of(labels).items()}
        centres = {number: centre for number, (centre, _) in places.items()}
        marks, n_waiting = marks_of(of.path, of.kind, of.lines, centres, is_drawn)
        marks = [replace(mark, half_mm=places[mark.number][1]) if mark.number in places else mark for mark in marks]
        what = "drawn by readers" if is_drawn else f"{n_waiting} waiting for a reader"
        subtitle = f"{counted(len(marks), 'mark')} on {on}, {what}; {window_text(*window)}"
        parts.append(montage(title, subtitle, image, labels, marks, window[0], half_mm))
    return stacked(parts)


def marks_of(
    path: str,
    kind: MarkKind,
    lines: Callable[[dict[Hashable, Any]], list[str]],
    centres: Mapping[int, tuple[float, float, float]],
    is_drawn: bool = False,
) -> tuple[list[Mark], int]:
    """The marks of a table as the tool found them, those that wait for a reader first, and how many wait.

    Parameters
    ----------
    path : str
        Path of the table.
    kind : MarkKind
        Kind of mark.
    lines : Callable[[dict[Hashable, Any]], list[str]]
        Gives the lines of text of a row.
    centres : Mapping[int, tuple[float, float, float]]
        Number of the mark -> centre (3,), RAS mm.
    is_drawn : bool
        Those that readers drew instead, as they are after the readers.

    Returns
    -------
    tuple[list[Mark], int]
        The marks, and how many wait.
    """
    table = read_tsv(path).dropna(subset=[kind.number]).drop_duplicates(kind.number)  # plaques: a row per reader
    table = drawn_by_readers(table) if is_drawn else as_found(table)
    table = in_order(table[table[kind.number].isin(centres)] if kind == PLAQUE else table, kind.number)
    waits = set(waiting(table)[kind.number].astype(int))
    marks = []
    for row in table.to_dict("records"):
        label = int(row[kind.number])
        centre = centres[label] if label in centres else centre_of(row)
        marks.append(Mark(label, centre, lines(row), label in waits or row["status"] == REVIEW))
    return marks, len(waits)


def calcification_lines(row: dict[Hashable, Any]) -> list[str]:
    """What the picture says of a calcification.

    Parameters
    ----------
    row : dict[Hashable, Any]
        A row of the table of marks.

    Returns
    -------
    list[str]
        Lines.
    """
    size = f"{number(row['volume_mm3'])} mm³, {number(row['max_hu'], 0)} HU"
    return [artery_text(row), size, *verdict_lines(row)]


def artery_text(row: dict[Hashable, Any]) -> str:
    """The artery of a row as it is read: R ICA, BA.

    Parameters
    ----------
    row : dict[Hashable, Any]
        A row with `artery` and `side`.

    Returns
    -------
    str
        The text.
    """
    side = row["side"] if row["side"] in ("L", "R") else ""
    return f"{side} {row['artery']}".strip() if pd.notna(row["artery"]) else "no artery"


def verdict_lines(row: dict[Hashable, Any]) -> list[str]:
    """What is held of a mark, and why.

    Parameters
    ----------
    row : dict[Hashable, Any]
        A row of the table of marks.

    Returns
    -------
    list[str]
        Lines.
    """
    state = "counted" if row["counted"] else "not counted"
    return [
        f"{state}, {row['certainty']} ({row['decided_by']})",
        *([str(row["reason"])] if isinstance(row["reason"], str) else []),
    ]


def draw_microbleeds(given: Inputs, title: str) -> Picture:
    """Every microbleed on the SWI or T2*.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    NoPicture
        Where there is no image, or a file was not made.
    """
    facts = read_json(given["microbleed_facts"]) if given.get("microbleed_facts") else {}
    column = facts.get("image")
    if not column or not given.get(column):
        raise NoPicture(str(facts.get("status", MISSING)), str(facts.get("reason") or "no swi and no T2starw"))
    require(given, ("microbleeds", "microbleed map", "microbleed_facts"))
    return spots(given, title, str(column), MICROBLEED)


def draw_lacunes(given: Inputs, title: str) -> Picture:
    """Every lacune on the FLAIR.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    NoPicture
        Where a file was not made.
    """
    require(given, ("FLAIR", "FLAIR", "lacune_facts"), ("lacunes", "lacune map", "lacune_facts"))
    return spots(given, title, "FLAIR", LACUNE)


def draw_perivascular(given: Inputs, title: str) -> Picture:
    """Every perivascular space on the image that it was found on.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Picture
        The picture.

    Raises
    ------
    NoPicture
        Where there is no image, or a file was not made.
    """
    facts = read_json(given["perivascular_facts"]) if given.get("perivascular_facts") else {}
    column = facts.get("image")
    if not column:
        raise NoPicture(str(facts.get("status", MISSING)), str(facts.get("reason") or "not looked for"))
    require(given, ("perivascular", "map of perivascular spaces", "perivascular_facts"))
    return spots(given, title, str(column), PERIVASCULAR, "perivascular")


def draw_wmh(given: Inputs, title: str, kind: MarkKind) -> Picture:
    """Every lesion of the WMH that a reader is asked about, or every suspected infarct, each in panels of its size.

    Parameters
    ----------
    given : Inputs
        `FLAIR`, and table, labels and facts of the kind.
    title : str
        Its first line.
    kind : MarkKind
        WMH or INFARCT.

    Returns
    -------
    Picture
    """
    facts = f"{kind.name}_facts"
    require(given, ("FLAIR", "FLAIR", facts), (f"{kind.name}_labels", f"map of {kind.plural}", facts))
    image, maps = read_image(given["FLAIR"]), _maps(given, kind, f"{kind.name}_labels")
    of = Rows(given[f"{kind.name}_table"], kind, spot_lines, has_sizes=True)
    return _picture(title, "FLAIR", image, maps, of, (window_of(image), ""), SPOT_HALF_MM)


def draw_plaques(given: Inputs, title: str) -> Picture:
    """Every plaque at its narrowest section, with lumen and outer wall as its readers drew them.

    Parameters
    ----------
    given : Inputs
        `vwi`, `plaque` (table) and `contours`.
    title : str
        Its first line.

    Returns
    -------
    Picture

    Raises
    ------
    NoPicture
        Where there is no vessel-wall image or no contour.
    """
    if not given.get("vwi"):
        raise NoPicture(MISSING, "no vessel-wall image")
    if not was_made(given.get("contours") or None):
        raise NoPicture(MISSING, "no plaque was drawn")
    image, points = read_image(given["vwi"]), plaque_points(given["contours"])
    if not points:
        raise NoPicture(MISSING, "no plaque was measured")
    centres = {
        number: (float(x), float(y), float(z))
        for number, (x, y, z) in ((number, part.mean(axis=0)) for number, part in points.items())
    }
    marks, _ = marks_of(given["plaque"], PLAQUE, plaque_lines, centres)
    marks = [replace(mark, line_mm=points[mark.number]) for mark in marks]
    window = window_of(image)
    subtitle = f"{counted(len(marks), 'plaque')} at the narrowest section; {window_text(window)}"
    return montage(
        title, subtitle, image, image.with_data(np.zeros(image.data.shape, np.uint8)), marks, window, PLAQUE_HALF_MM
    )


def plaque_points(path: str) -> dict[int, np.ndarray]:
    """The points of every plaque's lumen and outer wall at its narrowest section.

    Parameters
    ----------
    path : str
        Table of the readers' contours.

    Returns
    -------
    dict[int, np.ndarray]
        Plaque -> points (n, 3), RAS mm of the vessel-wall image.
    """
    table = read_tsv(path)
    drawn = table[table["section"].eq("lesion") & table["contour"].isin(["lumen", "outer"])]
    return {int(number): part[CENTRE].to_numpy(float) for number, part in drawn.groupby("lesion")}


def plaque_lines(row: dict[Hashable, Any]) -> list[str]:
    """What the picture says of a plaque.

    Parameters
    ----------
    row : dict
        Of the plaque table.

    Returns
    -------
    list of str
    """
    verdict = verdict_lines(row) if pd.notna(row["counted"]) else []
    return [artery_text(row), f"stenosis {number(row['stenosis_percent'], 0)} %", *verdict]


def places_of(labels: Image) -> dict[int, tuple[tuple[float, float, float], float]]:
    """Where each mark is looked at, and how much of its place is shown.

    Parameters
    ----------
    labels : Image
        Label map.

    Returns
    -------
    dict
        Number -> centre of the voxel of the mark that is nearest to its middle (RAS mm), half of a panel's width (mm).
    """
    found = {}
    for mark, voxels in label_voxels(labels.data.astype(np.int32)):
        points = moved(labels.affine, voxels)
        x, y, z = points[np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()]
        reach_mm = float(np.abs(points - (x, y, z)).max()) + WMH_BESIDE_MM
        found[mark] = (float(x), float(y), float(z)), float(np.clip(reach_mm, *WMH_HALF_MM))
    return found


def spots(given: Inputs, title: str, column: str, kind: MarkKind, labels_of: str | None = None) -> Picture:
    """Every row of a table of spots on its image, those that wait for a reader first; labels_of: input of the label
    map, where it is not called as the spots are.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.
    column : str
        Column of the image.
    kind : MarkKind
        Kind of mark.
    labels_of : str | None
        Input of the label map; None for the kind's own.

    Returns
    -------
    Picture
        The picture.
    """
    image, maps = read_image(given[column]), _maps(given, kind, labels_of or kind.plural)
    of = Rows(given[f"{kind.name}_table"], kind, spot_lines)
    return _picture(title, column, image, maps, of, (window_of(image), ""), SPOT_HALF_MM)


def spot_lines(row: dict[Hashable, Any]) -> list[str]:
    """What the picture says of a microbleed, a lacune or a perivascular space.

    Parameters
    ----------
    row : dict[Hashable, Any]
        A row of the table of marks.

    Returns
    -------
    list[str]
        Lines.
    """
    return [f"{number(row['diameter_mm'])} mm, {number(row['volume_mm3'])} mm³", *verdict_lines(row)]


def centre_of(row: dict[Hashable, Any]) -> tuple[float, float, float]:
    """The centre of a row's mark, RAS mm.

    Parameters
    ----------
    row : dict[Hashable, Any]
        A row of the table of marks.

    Returns
    -------
    tuple[float, float, float]
        Point (3,), RAS mm.
    """
    x, y, z = (float(row[name]) for name in CENTRE)
    return x, y, z


def centres_of(labels: Image) -> dict[int, tuple[float, float, float]]:
    """The centre of every mark in RAS mm of its label map's space: a lacune's table has those of the T1w's.

    Parameters
    ----------
    labels : Image
        The label map.

    Returns
    -------
    dict[int, tuple[float, float, float]]
        Number of the mark -> centre (3,), RAS mm.
    """
    whole = labels.data.astype(np.int32)  # of other kinds of numbers scipy sorts all voxels
    numbers = np.unique(whole[whole > 0])
    places = center_of_mass(whole > 0, whole, numbers)
    middles = moved(labels.affine, np.reshape(places, (-1, 3)))
    return {int(n): (float(x), float(y), float(z)) for n, (x, y, z) in zip(numbers, middles, strict=True)}
