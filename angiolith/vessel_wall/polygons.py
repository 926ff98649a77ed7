"""Contours drawn as polygons: tables and JSON of our own, and what Horos and OsiriX export; made into a label map.

Horos / OsiriX, plugin 'Export ROIs': CSV (one ROI a line; after NumOfPoints five numbers a point: x, y, z in mm as in
DICOM, then pixel x, y), or a property list (.xml; or the same structure as .json) with Images > ROIs > Name, Type,
Point_mm "(x, y, z)". Older and newer versions differ in the columns before NumOfPoints, so those are found by name.
"""

from __future__ import annotations

import json
import plistlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.core.delimited import DelimitedError, read_cells
from angiolith.core.images import Image, crop, mask_points, moved
from angiolith.vessel_wall.contours import contains
from angiolith.vessel_wall.parts import DrawingError, Part, compose, part_of, reference_position

# [mm] Grid on which contours are filled: costs their area under 1 %. Source: digital tubes.
PIXEL_MM = 0.1
# [mm] Voxel of the grid that contours on planes of several directions share. Source: numerics.
OBLIQUE_PIXEL_MM = 0.2
# [mm] Points of a contour lie this near to one plane. Source: numerics.
FLAT_MM = 0.3
# [1] Planes whose normals have at least this cosine are parallel. Source: numerics.
PARALLEL_COS = 0.999
# [mm] Contours nearer than this lie on one slice. Source: numerics.
SAME_PLANE_MM = 0.05
# [slice steps] A gap between contours of these many steps is a slice left out; a longer one parts two segments. Source:
# digital tubes.
LEFT_OUT_STEPS = (1.5, 3.5)
# [code] OsiriX: 9 oval, 10 open polygon, 11 closed polygon, 15 pencil. Source: definition.
OPEN_TYPE = 10
# [number] Numbers that Horos and OsiriX write for a point. Source: definition.
HOROS_COLUMNS = 5
# [sign] Signs that make RAS coordinates RAS. Source: definition.
RAS = (1, 1, 1)
# [sign] Signs that make LPS coordinates RAS. Source: definition.
LPS = (-1, -1, 1)
TEMPLATE = ("part", "contour", "x_mm", "y_mm", "z_mm")


@dataclass(frozen=True)
class Polygon:
    """One closed contour: what it is, and its points (n, 3), RAS mm, in one plane."""

    name: str
    points: np.ndarray

    @property
    def part(self) -> Part:
        """The part that the polygon's name stands for."""
        return part_of(self.name)

    @property
    def normal(self) -> np.ndarray:
        """Unit normal of its plane, its largest component positive."""
        normal = np.linalg.svd(self.points - self.points.mean(axis=0))[2][2]
        return normal * np.sign(normal[int(np.abs(normal).argmax())])


def polygon(name: str, points: Sequence[Sequence[float]], lps: bool, closed: bool = True) -> Polygon:
    """A checked polygon; raises DrawingError for an open one, too few points, or one that lies in no plane.

    Parameters
    ----------
    name : str
        Name of the part.
    points : Sequence[Sequence[float]]
        Vertices (n, 3), mm.
    lps : bool
        True where they are LPS, not RAS.
    closed : bool
        Whether the contour was closed.

    Returns
    -------
    Polygon
        The polygon, RAS mm.

    Raises
    ------
    DrawingError
        For an open contour, under three points, values that are no numbers, or points that lie in no plane.
    """
    if not closed:
        raise DrawingError(f"the contour {name!r} is an open polygon: close it")
    if len(points) < 3:
        raise DrawingError(f"the contour {name!r} has {len(points)} points: draw a closed polygon or pencil contour")
    array = np.array(points, float) * (LPS if lps else RAS)
    if not np.isfinite(array).all():
        raise DrawingError(f"the contour {name!r} holds points that are no numbers: export it again")
    found = Polygon(name, array)
    if np.abs((array - array.mean(axis=0)) @ found.normal).max() > FLAT_MM:
        raise DrawingError(f"the contour {name!r} does not lie in one plane: draw it on one slice")
    return found


def read_csv(path: Path) -> list[Polygon]:
    """An own table (columns `TEMPLATE`, points in order, RAS mm; `space` LPS where it is so), or a Horos export.

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    list[Polygon]
        Polygons.

    Raises
    ------
    DrawingError
        For a missing column.
    """
    header, rows = _table(path)
    if "NumOfPoints" in header:
        return _horos_rows(header, rows)
    missing = [name for name in TEMPLATE if name not in header]
    if missing:
        raise DrawingError(f"the table lacks the column {missing[0]!r}; columns: {', '.join(TEMPLATE)}")
    contours: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        contours.setdefault((cells["part"], cells["contour"]), []).append(cells)
    return [
        polygon(
            part,
            [[_number(cells[name]) for name in ("x_mm", "y_mm", "z_mm")] for cells in points],
            lps=_is_lps(points[0]),
        )
        for (part, _), points in contours.items()
    ]


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table, empty lines left out."""
    try:
        rows = [row for row in read_cells(path) if any(map(str.strip, row))]
    except DelimitedError as error:
        problem = str(error).removeprefix(f"{path}: ").removeprefix(f"{path}, ")
        raise DrawingError(f"{problem}, or export it again") from None
    return ([name.strip() for name in rows[0]], rows[1:]) if rows else ([], [])


def _is_lps(cells: Mapping[str, Any]) -> bool:
    """Whether coordinates are as in DICOM (`space`); they are RAS where nothing is stated."""
    return str(cells.get("space", "RAS")).strip().upper() == "LPS"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _horos_rows(header: list[str], rows: Iterable[list[str]]) -> list[Polygon]:
    at = header.index("NumOfPoints")
    found = []
    for row in rows:
        numbers = [_number(cell) for cell in row[at + 1 :]]
        count = int(_number(row[at]))
        if len(numbers) < HOROS_COLUMNS * count:
            raise DrawingError(f"the ROI {row[header.index('RoiName')]!r} says {count} points and holds fewer")
        points = [numbers[HOROS_COLUMNS * k : HOROS_COLUMNS * k + 3] for k in range(count)]
        kind = int(_number(row[header.index("RoiType")])) if "RoiType" in header else 0
        found.append(polygon(row[header.index("RoiName")], points, lps=True, closed=kind != OPEN_TYPE))
    return found


def read_json(path: Path) -> list[Polygon]:
    """Own contours {"space": "RAS", "contours": [{"part", "points", "closed"}]}, or a Horos export as JSON.

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    list[Polygon]
        Polygons.

    Raises
    ------
    DrawingError
        For a file that is no JSON or holds no contours.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DrawingError(f"is no JSON (line {error.lineno}: {error.msg}); export it again") from error
    if isinstance(content, dict) and "Images" in content:
        return _horos_images(content)
    if not isinstance(content, dict) or "contours" not in content:
        raise DrawingError("holds neither 'contours' nor a Horos export's 'Images'")
    lps = _is_lps(content)
    return [polygon(one["part"], one["points"], lps, one.get("closed", True)) for one in content["contours"]]


def read_plist(path: Path) -> list[Polygon]:
    """The property list that Horos and OsiriX export as XML.

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    list[Polygon]
        Polygons.

    Raises
    ------
    DrawingError
        For a file that is no property list.
    """
    try:
        return _horos_images(plistlib.loads(path.read_bytes()))
    except plistlib.InvalidFileException as error:
        raise DrawingError("is no property list; export the ROIs as CSV or XML") from error


def _horos_images(content: dict[str, Any]) -> list[Polygon]:
    found = []
    for image in content.get("Images", []):
        for roi in image.get("ROIs", []):
            points = [[_number(part) for part in str(text).strip("() ").split(",")] for text in roi["Point_mm"]]
            found.append(polygon(roi["Name"], points, lps=True, closed=roi.get("Type") != OPEN_TYPE))
    return found


def read_points(path: Path) -> list[tuple[str | None, np.ndarray]]:
    """Points set on vessels, for tracing: per segment its position (None for a lesion) and (n, 3) RAS mm, in order.

    A table with the columns segment (`lesion`, `lesion 2`, `reference`, `proximal reference`, ...), x_mm, y_mm, z_mm,
    and `space` LPS where it is so; or a Horos export of point ROIs named so.

    Parameters
    ----------
    path : Path
        Path of the file.

    Returns
    -------
    list[tuple[str | None, np.ndarray]]
        Per segment its position (None for a lesion) and its points (n, 3), RAS mm.

    Raises
    ------
    DrawingError
        For a missing column.
    """
    header, rows = _table(path)
    named: list[tuple[str, list[float]]] = []
    if "NumOfPoints" in header:
        at, name = header.index("NumOfPoints"), header.index("RoiName")
        named = [
            (row[name], [_number(cell) * sign for cell, sign in zip(row[at + 1 : at + 4], LPS, strict=True)])
            for row in rows
        ]
    else:
        missing = [column for column in ("segment", "x_mm", "y_mm", "z_mm") if column not in header]
        if missing:
            raise DrawingError(f"the table of points lacks the column {missing[0]!r}")
        for row in rows:
            cells = dict(zip(header, row, strict=False))
            signs = LPS if _is_lps(cells) else RAS
            place = [
                _number(cells[column]) * sign for column, sign in zip(("x_mm", "y_mm", "z_mm"), signs, strict=True)
            ]
            named.append((cells["segment"], place))
    segments: dict[str, list[list[float]]] = {}
    for segment, place in named:
        if not np.isfinite(place).all():
            raise DrawingError(f"a point of {segment!r} is no number")
        segments.setdefault(segment.strip().lower(), []).append(place)
    if not segments:
        raise DrawingError("no points are given")
    return [(reference_position(segment), np.array(places)) for segment, places in segments.items()]


READERS: dict[str, Callable[[Path], list[Polygon]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
    ".xml": read_plist,
}


def rasterised(polygons: Sequence[Polygon], vwi: Image) -> Image:
    """Label map of the contours: each stands for the slab half way to its neighbours (one alone: for a slice).

    Grid: the contours' plane, in steps of `PIXEL_MM`, by their own step across; where the planes have several
    directions, one fine grid for all.

    Parameters
    ----------
    polygons : Sequence[Polygon]
        The contours.
    vwi : Image
        The vessel-wall image, for its slice step.

    Returns
    -------
    Image
        The label map, uint8.

    Raises
    ------
    DrawingError
        For no contour, and for slices left out within a lesion.
    """
    if not polygons:
        raise DrawingError("holds no contour")
    depths = {part: _depth(part, [one for one in polygons if one.part == part], vwi) for part in _parts(polygons)}
    normal = polygons[0].normal
    parallel = all(abs(one.normal @ normal) > PARALLEL_COS for one in polygons)
    pitch = np.array([PIXEL_MM, PIXEL_MM, min(depths.values())] if parallel else [OBLIQUE_PIXEL_MM] * 3)
    first = np.cross(normal, np.eye(3)[int(np.abs(normal).argmin())])
    first /= np.linalg.norm(first)
    turn = np.stack([first, np.cross(normal, first), normal], axis=1)
    every = np.concatenate([one.points for one in polygons]) @ turn
    margin = 2 * max(depths.values())
    low = every.min(axis=0) - margin
    if parallel:  # the grid's slices go through the contours
        low[2] = every[0, 2] - pitch[2] * np.ceil((every[0, 2] - low[2]) / pitch[2])
    shape = np.ceil((every.max(axis=0) + margin - low) / pitch).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * pitch, turn @ low
    masks = {part: np.zeros(shape, dtype=bool) for part in depths}
    for one in polygons:
        _fill(masks[one.part], affine, one, depths[one.part])
    return Image(compose(masks), affine)


def _parts(polygons: Sequence[Polygon]) -> list[Part]:
    return list(dict.fromkeys(one.part for one in polygons))


def _depth(part: Part, polygons: Sequence[Polygon], vwi: Image) -> float:
    """Thickness in mm of the slabs that the contours of one part stand for."""
    normal = polygons[0].normal
    own = vwi.affine[:3, :3] / vwi.voxel_mm
    alone = float(vwi.voxel_mm[int(np.abs(normal @ own).argmax())])
    if any(abs(one.normal @ normal) < PARALLEL_COS for one in polygons):
        return alone
    gaps = np.diff(np.sort([float(one.points.mean(axis=0) @ normal) for one in polygons]))
    gaps = gaps[gaps > SAME_PLANE_MM]
    if not len(gaps):
        return alone
    step = float(np.median(gaps))
    if ((gaps > LEFT_OUT_STEPS[0] * step) & (gaps < LEFT_OUT_STEPS[1] * step)).any():
        name = "reference " * (part.reference is not None) + part.kind
        raise DrawingError(f"a slice between contours of the {name} is not drawn: draw every slice of a lesion")
    return step


def _fill(mask: np.ndarray, affine: np.ndarray, one: Polygon, depth_mm: float) -> None:
    """Set the voxels within a contour's slab."""
    normal, centre = one.normal, one.points.mean(axis=0)
    ends = np.concatenate([one.points + side * depth_mm / 2 * normal for side in (-1, 1)])
    index = moved(np.linalg.inv(affine), ends)
    low = np.maximum(np.floor(index.min(axis=0)).astype(int), 0)
    box = tuple(slice(a, b) for a, b in zip(low, np.ceil(index.max(axis=0)).astype(int) + 1, strict=True))
    part = crop(Image(mask, affine), box)
    offset = mask_points(part.affine, np.ones(part.data.shape, dtype=bool)) - centre
    axes = np.linalg.svd(one.points - centre)[2][:2]
    offset_mm = offset @ normal
    within = (offset_mm >= -depth_mm / 2 - 1e-6) & (offset_mm < depth_mm / 2 - 1e-6)
    within[within] = contains((one.points - centre) @ axes.T, offset[within] @ axes.T)
    mask[box] |= within.reshape(part.data.shape)
