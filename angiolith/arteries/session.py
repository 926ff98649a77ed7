"""The arteries of one session, from what it has: a mask, an angiogram, the atlas's transform."""

from __future__ import annotations

from collections.abc import Callable

import SimpleITK as sitk

from angiolith.arteries.centrelines import Centreline
from angiolith.arteries.mapping import (
    TOOL,
    Arteries,
    Traced,
    atlas_in_ct,
    map_arteries,
    traced_from_angio,
    traced_from_mask,
)
from angiolith.arteries.tool import run_artery_tool
from angiolith.core.images import Image, ImageError, map_points, matrix_ras, read_image, read_mri, read_transform
from angiolith.core.inputs import Inputs
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings, ArteryToolSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings
from angiolith.core.tables import FAILED, join_reasons, read_json, read_tsv, was_made
from angiolith.core.tool import ToolError


def arteries_of(
    given: Inputs,
    ct: Image,
    mask_space: str,
    settings: ArteryMapSettings,
    region: ArteryRegionSettings,
    threshold: CalciumThresholdSettings,
    tool: ArteryToolSettings,
) -> Arteries:
    """The arteries of one session; their reason states what could not be used.

    A mask of the user's comes first, then the tool's, the angiogram's arteries, the atlas.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    ct : Image
        The CT, HU.
    mask_space : str
        Column of the image that the artery mask was drawn on.
    settings : ArteryMapSettings
        Section `arteries.map`.
    region : ArteryRegionSettings
        Section `arteries.region`.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.
    tool : ArteryToolSettings
        Section `artery_tool`.

    Returns
    -------
    Arteries
        Region, centrelines, sources, status and reason.
    """
    remarks: list[str | None] = []
    atlas: list[Centreline] = []
    traced: Traced | None = None
    registration = read_json(given["registration"])
    # a transform that was made may still have been judged wrong
    to_ct = None if registration["status"] == FAILED else read_made(given.get("ct_to_reference"))
    from_template = read_made(given.get("reference_to_template"))
    if to_ct is None or from_template is None:
        why = join_reasons("no atlas: the registration of the CT or of its reference failed", registration["reason"])
        remarks.append(why)
    else:
        whole = sitk.CompositeTransform([to_ct, from_template])  # the last one is applied first
        atlas = atlas_in_ct(read_tsv(given["atlas"]), lambda points: map_points(whole, points))
    if given.get("mask"):
        transform = (
            sitk.Transform(3, sitk.sitkIdentity)
            if mask_space == "ct"
            else transform_from_ct(to_ct, given.get("mask_to_reference"))
        )
        lookup = read_tsv(given["mask_lookup"]) if given.get("mask_lookup") else None
        traced, remark = use(
            "artery mask", given["mask"], transform, lambda image, transform: traced_from_mask(image, transform, lookup)
        )
        remarks.append(remark)
    if traced is None and tool.command:
        traced, remark = traced_by_tool(given, to_ct, tool)
        remarks.append(remark)
    if traced is None and given.get("angio"):
        transform = transform_from_ct(to_ct, given.get("angio_to_reference"))
        traced, remark = use(
            "angiogram",
            given["angio"],
            transform,
            lambda image, transform: traced_from_angio(image, transform, atlas, settings, region),
        )
        remarks.append(remark)
    mri = read_mri(given["mri"]).placed(matrix_ras(to_ct)) if given.get("mri") and to_ct is not None else None
    return map_arteries(ct, traced, atlas, settings, region, threshold, remarks, mri)


def traced_by_tool(
    given: Inputs, to_ct: sitk.Transform | None, tool: ArteryToolSettings
) -> tuple[Traced | None, str | None]:
    """The arteries that the configured tool segments, and what to report; without the tool's image it is not run.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    to_ct : sitk.Transform | None
        Maps points of the reference to the CT; None where it was not made.
    tool : ArteryToolSettings
        Section `artery_tool`.

    Returns
    -------
    tuple[Traced | None, str | None]
        Traced arteries (None where there are none), and a sentence for the reader or None.
    """
    if not given.get(tool.image):
        return None, f"{tool.KEY} was not run: it works on the {tool.image}, which this session does not have"
    identity = sitk.Transform(3, sitk.sitkIdentity)
    transform = identity if tool.image == "ct" else transform_from_ct(to_ct, given.get("angio_to_reference"))
    if transform is None:
        return None, f"{tool.KEY} was not run: the registration of the {tool.image} to the CT failed"
    try:
        mask, lookup = run_artery_tool({name: given[name] for name in ("ct", "angio") if given.get(name)}, tool)
    except ToolError as error:
        return None, str(error)
    return traced_from_mask(mask, transform, lookup, TOOL, tool.sd_mm)


def use(
    what: str,
    path: str,
    transform: sitk.Transform | None,
    make: Callable[[Image, sitk.Transform], tuple[Traced | None, str | None]],
) -> tuple[Traced | None, str | None]:
    """The arteries traced in an image, and what to report; an image that cannot be used is reported and skipped.

    Parameters
    ----------
    what : str
        What the image is, for the sentence.
    path : str
        Path of the image.
    transform : sitk.Transform | None
        Maps points of the CT to points of the image, or None.
    make : Callable[[Image, sitk.Transform], tuple[Traced | None, str | None]]
        Makes traced arteries of the image and the transform.

    Returns
    -------
    tuple[Traced | None, str | None]
        Traced arteries (None where there are none), and a sentence for the reader or None.
    """
    if transform is None:
        return None, f"the {what} was not used: its registration to the CT failed"
    try:
        return make(read_image(path), transform)
    except ImageError as error:
        return None, f"the {what} was not used: {str(error).removeprefix(f'{path}: ')}"


def read_made(path: str | None) -> sitk.Transform | None:
    """A transform; the identity where none is needed, None where it could not be made.

    Parameters
    ----------
    path : str | None
        Path of the transform; empty where none is needed.

    Returns
    -------
    sitk.Transform | None
        The transform, or None.
    """
    if not path:
        return sitk.Transform(3, sitk.sitkIdentity)
    return read_transform(path) if was_made(path) else None


def transform_from_ct(to_ct: sitk.Transform | None, to_reference: str | None) -> sitk.Transform | None:
    """The transform from points of the CT to points of an image, through the reference; None if one could not be made.

    to_ct maps points of the reference to the CT; `to_reference` is the file that maps them to the image.

    Parameters
    ----------
    to_ct : sitk.Transform | None
        Maps points of the reference to the CT; None where it was not made.
    to_reference : str | None
        Path of the transform from the reference to the image.

    Returns
    -------
    sitk.Transform | None
        The transform, or None.
    """
    to_image = read_made(to_reference)
    if to_ct is None or to_image is None:
        return None
    return sitk.CompositeTransform([to_image, to_ct.GetInverse()])
