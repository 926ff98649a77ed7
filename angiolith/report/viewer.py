"""What the report's viewer shows of a subject-session: every image with its label maps, in the reference's space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from angiolith.core.images import Image, matrix_ras, moved, read_ct, read_image, read_transform
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.tables import read_json, read_tsv, was_made, write_not_made
from angiolith.pictures.windows import CT_WINDOW_HU, window_of
from angiolith.report.mark_pictures import plaque_points
from angiolith.report.volumes import (
    CT_RANGE_HU,
    HEAD_ON_CT_HU,
    RANGE_OVER_WINDOW,
    aligned,
    coarser,
    grey_nifti,
    label_nifti,
    layer,
    marked,
    within,
    write_volume,
)

WALL_LABELS = {1: "lumen", 2: "outer"}
WALL_MARGIN_MM = 25.0
LABELS_ON = {
    "FLAIR": ("infarcts", "lacunes"),
    **dict.fromkeys(("swi", "T2starw"), ("microbleeds",)),
    **dict.fromkeys(("T2w", "T1w"), ("perivascular",)),
}


KIND_OF = {  # layer of marks -> their kind
    "calcification": "calcification",
    "infarcts": "infarct",
    "lacunes": "lacune",
    "microbleeds": "microbleed",
    "perivascular": "perivascular_space",
}


def export_volume(given: Inputs, column: str, key: str, path: str, voxel_mm: float) -> None:
    """The image of a column with its label maps; an empty file where there is none that can be used.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.
    key : str
        What the page asks for.
    path : str
        Path of the file to write.
    voxel_mm : float
        Largest voxel edge that is made, mm.
    """
    way = way_to_reference(given, column) if given.get(column) else None
    if way is None or refusal(read_json(given["checks"]), column):
        write_not_made(path)
        return
    layers = ct_layers(given, way, voxel_mm) if column == "ct" else mri_layers(given, column, way, voxel_mm)
    write_volume(layers, key, path)


def ct_layers(given: Inputs, way: np.ndarray, voxel_mm: float) -> list[dict[str, Any]]:
    """The CT with its arteries and calcifications.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    way : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.
    voxel_mm : float
        Largest voxel edge that is made, mm.

    Returns
    -------
    list[dict[str, Any]]
        Layers.
    """
    ct = read_ct(given["ct"])
    shown = coarser(within(ct, ct.data > HEAD_ON_CT_HU), voxel_mm)
    grey = layer(
        grey_nifti(aligned(shown.placed(way)), CT_RANGE_HU), name="ct", kind="grey", window=CT_WINDOW_HU, unit="HU"
    )
    arteries = None
    if was_made(given.get("artery_names") or None):
        table = read_tsv(given["artery_names"])
        arteries = dict(zip(table["index"].astype(int), table["name"], strict=True))
    return [
        grey,
        *labels_of(given, "arteries", "region", way, arteries),
        *labels_of(given, "calcification", "lesions", way, lesion_names(given["lesions"])),
        *found_of(given, "calcification", way),
        *dense_of(given, ct, way),
    ]


def dense_of(given: Inputs, ct: Image, way: np.ndarray) -> list[dict[str, Any]]:
    """The voxels of the CT that count where a reader draws a calcification, as a layer.

    Nothing where none was looked for.

    Parameters
    ----------
    given : Inputs
        `calcification` (label map) and `calcification_facts` (`hu_min`: the threshold that was used).
    ct : Image
        The CT, HU.
    way : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.

    Returns
    -------
    list[dict[str, Any]]
        The layer in a list, or an empty list.
    """
    if not was_made(given.get("calcification") or None):
        return []
    dense = ct.with_data((ct.data >= read_json(given["calcification_facts"])["hu_min"]).astype(np.uint8))
    return [layer(label_nifti(dense.placed(way)), name="calcification_dense", kind="dense")]


def mri_layers(given: Inputs, column: str, way: np.ndarray, voxel_mm: float) -> list[dict[str, Any]]:
    """An MRI with its label maps.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.
    way : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.
    voxel_mm : float
        Largest voxel edge that is made, mm.

    Returns
    -------
    list[dict[str, Any]]
        Layers.
    """
    image = read_image(given[column])
    window = window_of(image)
    extra: list[dict[str, Any]] = []
    kept = image.data > window[0]
    if column.startswith("vwi"):
        points = {label: moved(np.linalg.inv(way), part) for label, part in wall_points(given).items()}
        rings = marked(image, points)
        if rings.data.any():  # the wall is thin: here the grid stays as it is, about the drawings
            if column == "vwi":
                extra.append(labels_layer(rings, "wall", "region", way, WALL_LABELS))
                plaques = marked(image, plaque_points(given["contours"]))
                extra.append(labels_layer(plaques, "plaques", "lesions", way))
            image = within(image, rings.data > 0, WALL_MARGIN_MM)
            kept, voxel_mm = np.ones(image.data.shape, bool), 0.0
    shown = coarser(within(image, kept), voxel_mm)
    low, high = (float(f"{value:.4g}") for value in window)
    limits = (low, low + RANGE_OVER_WINDOW * (high - low))  # what lies below is the background's noise
    grey = layer(grey_nifti(aligned(shown.placed(way)), limits), name=column, kind="grey", window=(low, high), unit="")
    if column == "FLAIR" and was_made(given.get("wmh") or None):
        after, before = wmh_labels(given), wmh_labels(given, found=True)
        extra.append(labels_layer(after, "wmh", "lesions", way))
        extra += _if_other(before, after, "wmh", way)
    for name in LABELS_ON.get(column, ()):
        extra += labels_of(given, name, "lesions", way)
        extra += found_of(given, name, way)
    return [grey, *extra]


def found_of(given: Inputs, name: str, to_reference: np.ndarray) -> list[dict[str, Any]]:
    """The label map before any reader as a layer; nothing where readers drew nothing.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    name : str
        Name of the layer after the readers.
    to_reference : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.

    Returns
    -------
    list[dict[str, Any]]
        The layer in a list, or an empty list.
    """
    path = given.get(f"{KIND_OF[name]}_found")
    if not path or not was_made(path) or not was_made(given.get(name) or None):
        return []
    return _if_other(read_image(path), read_image(given[name]), name, to_reference)


def _if_other(before: Image, after: Image, name: str, to_reference: np.ndarray) -> list[dict[str, Any]]:
    if np.array_equal(before.data, after.data):
        return []
    return [labels_layer(before, f"{name}_found", "lesions", to_reference)]


def wmh_labels(given: Inputs, found: bool = False) -> Image:
    """WMH as they are held, by mark; one number beyond those of the marks for what no reader is asked about.

    Parameters
    ----------
    given : Inputs
        `wmh` (mask) and `wmh_labels` (marks, those that readers rejected among them), or before any reader
        `wmh_segmented` and `wmh_found`.
    found : bool
        Before any reader.

    Returns
    -------
    Image
        Label map, int32.
    """
    of = ("wmh_segmented", "wmh_found") if found and was_made(given.get("wmh_found") or None) else ("wmh", "wmh_labels")
    mask, marks = (read_image(given[name]) for name in of)
    numbers = marks.data.astype(np.int32)
    rest = (mask.data > 0) & (numbers == 0)
    return marks.with_data(np.where(rest, numbers.max(initial=0) + 1, numbers))


def labels_of(
    given: Inputs, name: str, kind: str, to_reference: np.ndarray, names: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """A label map as a layer, or nothing where it was not made.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    name : str
        Name of the layer.
    kind : str
        Kind of the layer.
    to_reference : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.
    names : Mapping[int, str] | None
        Label -> name; None for the number.

    Returns
    -------
    list[dict[str, Any]]
        The layer in a list, or an empty list.
    """
    if not was_made(given.get(name) or None):
        return []
    return [labels_layer(read_image(given[name]), name, kind, to_reference, names)]


def labels_layer(
    labels: Image, name: str, kind: str, to_reference: np.ndarray, names: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """A label map as a layer with its own grid, on which a reader draws; names: label -> its name in the legend, by
    default its number.

    Parameters
    ----------
    labels : Image
        The label map.
    name : str
        Name of the layer.
    kind : str
        Kind of the layer.
    to_reference : np.ndarray
        Matrix (4, 4) to the reference, RAS mm.
    names : Mapping[int, str] | None
        Label -> name; None for the number.

    Returns
    -------
    dict[str, Any]
        The layer.
    """
    if names is None:
        names = {int(label): str(int(label)) for label in np.unique(labels.data) if label > 0}
    grid = {"shape": labels.data.shape, "affine": labels.affine.tolist(), "to_reference": to_reference.tolist()}
    return layer(label_nifti(labels.placed(to_reference)), name=name, kind=kind, labels=names, grid=grid)


def lesion_names(path: str) -> dict[int, str]:
    """Label of a calcification -> what it is, for the viewer's legend.

    Parameters
    ----------
    path : str
        Path of the table of calcifications.

    Returns
    -------
    dict[int, str]
        Label -> name.
    """
    rows = read_tsv(path).dropna(subset=["lesion"]).astype({"side": object, "artery": object})
    sides = rows["side"].where(rows["side"].isin(["L", "R"]), "")
    names = (sides + " " + rows["artery"].fillna("")).str.strip() + np.where(rows["counted"], "", " (not counted)")
    return dict(zip(rows["lesion"].astype(int), names, strict=True))


def wall_points(given: Inputs) -> dict[int, np.ndarray]:
    """The points of the readers' contours; empty without any.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.

    Returns
    -------
    dict[int, np.ndarray]
        Label -> points (n, 3), RAS mm.
    """
    way = way_to_reference(given, "vwi") if was_made(given.get("contours") or None) else None
    if way is None:
        return {}
    table = read_tsv(given["contours"])
    places = ["x_mm", "y_mm", "z_mm"]
    points = {label: table.loc[table["contour"] == what, places] for label, what in WALL_LABELS.items()}
    return {label: moved(way, part.to_numpy(float)) for label, part in points.items() if len(part)}


def way_to_reference(given: Inputs, column: str) -> np.ndarray | None:
    """4 x 4 from points of this image to points of the session's reference; None where there is no such way.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.

    Returns
    -------
    np.ndarray | None
        Matrix (4, 4), RAS mm, or None.
    """
    transform = given.get(f"{column}_to_reference")
    if not transform:
        return np.eye(4)
    return np.linalg.inv(matrix_ras(read_transform(transform))) if was_made(transform) else None
