"""From what a session has (a mask, an angiogram, the atlas) to centrelines and an artery region on its CT grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.arteries.centrelines import Centreline, from_control_points, region_labels
from angiolith.arteries.density import calcium_hu_min, lumen_density
from angiolith.arteries.lumen import follow_lumen
from angiolith.arteries.masks import canonical_labels, centrelines_of_labels, search_reach, segment_angio, widened
from angiolith.arteries.names import ARTERIES, INDEX, label_names
from angiolith.arteries.refine import refine
from angiolith.core.images import Image, map_points, resample
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons

USER, TOOL, ANGIO, ATLAS = "user", "tool", "angio", "atlas"
# Their cross-sections at the skull base hold bone, fluid and lumen, which MRI tells apart. The other arteries run among
# folds of brain, which look like vessels there; on the CT they stand out from fluid.
# [HU] An angiogram with values below this is a CT. Source: physics.
CT_MIN = -200
FITTED_ON_MRI = ("ICA", "BA", "VA")


@dataclass(frozen=True)
class Arteries:
    """The artery region on the CT grid (label numbers of names.LABELS), centrelines in the CT's space by (artery,
    side), for each artery where it comes from (user, tool, angio or atlas), the density of the lumen and the noise
    beside it (HU, NaN: not seen)."""

    labels: np.ndarray
    lines: dict[tuple[str, str], Centreline]
    sources: dict[tuple[str, str], str]
    lumen_hu: float
    status: str
    reason: str
    noise_hu: float = np.nan

    @property
    def source(self) -> str:
        """The best source that an artery has."""
        return next((source for source in (USER, TOOL, ANGIO, ATLAS) if source in self.sources.values()), "none")


@dataclass(frozen=True)
class Traced:
    """Arteries traced in another image: their labels on its grid, the transform from CT points to its points, and the
    standard deviation of their position (mm; None: `arteries.map.mask_sd_mm`)."""

    image: Image
    from_ct: sitk.Transform
    source: str
    sd_mm: float | None = None


def traced_from_mask(
    mask: Image,
    from_ct: sitk.Transform,
    lookup: pd.DataFrame | None,
    source: str = USER,
    sd_mm: float | None = None,
) -> tuple[Traced | None, str | None]:
    """A label map of a user's, or of a tool's, as traced arteries, and what to tell. None if it names no artery.

    Parameters
    ----------
    mask : Image
        The label map.
    from_ct : sitk.Transform
        Maps points of the CT to points of the image.
    lookup : pd.DataFrame | None
        Columns `index` and `name`; None for TopCoW's numbers.
    source : str
        Who made the mask.
    sd_mm : float | None
        Uncertainty of position, mm; None for the setting.

    Returns
    -------
    tuple[Traced | None, str | None]
        Traced arteries (None where there are none), and a sentence for the reader or None.
    """
    data = np.rint(mask.data).astype(np.int64)
    if data.min() < 0 or np.abs(mask.data - data).max() > 1e-3:
        return (
            None,
            "the artery mask holds values that are no labels (negative or fractions): give one whole number per artery",
        )
    names, unknown = label_names(set(np.unique(data).tolist()) - {0}, lookup)
    numbers, remedy = ", ".join(map(str, unknown)), "name them in a dseg.tsv beside it"
    remark = f"labels {numbers} of the artery mask are no known arteries: {remedy}" if unknown else None
    if not names:
        return None, remark or "the artery mask is empty"
    return Traced(mask.with_data(canonical_labels(data, names)), from_ct, source, sd_mm), remark


def traced_from_angio(
    angio: Image,
    from_ct: sitk.Transform,
    atlas_lines: list[Centreline],
    settings: ArteryMapSettings,
    region: ArteryRegionSettings,
) -> tuple[Traced | None, str | None]:
    """The vessels of a time-of-flight angiogram as traced arteries, and what to tell. None if none shows.

    Parameters
    ----------
    angio : Image
        Time-of-flight angiogram.
    from_ct : sitk.Transform
        Maps points of the CT to points of the image.
    atlas_lines : list[Centreline]
        The atlas in the CT's space.
    settings : ArteryMapSettings
        Section `arteries.map`.
    region : ArteryRegionSettings
        Section `arteries.region`.

    Returns
    -------
    tuple[Traced | None, str | None]
        Traced arteries (None where none shows), and a sentence for the reader or None.
    """
    if float(angio.data.min()) < CT_MIN:
        return None, "the angiogram is a CT angiogram: its arteries are not segmented here, give a mask of them"
    there = [line.moved(map_points(from_ct, line.points)) for line in atlas_lines]
    labels = segment_angio(angio, there, settings, region)
    if not labels.any():
        return None, "no artery stands out on the angiogram"
    return Traced(angio.with_data(labels), from_ct, ANGIO), None


def map_arteries(
    ct: Image,
    traced: Traced | None,
    atlas_lines: list[Centreline],
    settings: ArteryMapSettings,
    region: ArteryRegionSettings,
    threshold: CalciumThresholdSettings,
    remarks: Sequence[str | None],
    mri: Image | None = None,
) -> Arteries:
    """Region and centrelines on the CT, from traced arteries where there are any, completed from the atlas.

    Status failed without any artery.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    traced : Traced | None
        Traced arteries, or None.
    atlas_lines : list[Centreline]
        The atlas in the CT's space, empty where there is no transform from the template.
    settings : ArteryMapSettings
        Section `arteries.map`.
    region : ArteryRegionSettings
        Section `arteries.region`.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.
    remarks : Sequence[str | None]
        Sentences for the reader that came up before.
    mri : Image | None
        An MR image placed in the CT's space, on which the atlas's lines are fitted too.

    Returns
    -------
    Arteries
        Region, centrelines, sources, status and reason.
    """
    labels = np.zeros(ct.data.shape, np.uint8)
    lines: dict[tuple[str, str], Centreline] = {}
    sources: dict[tuple[str, str], str] = {}
    if traced:
        grid = Image(np.empty(ct.data.shape, np.uint8), ct.affine)
        on_ct = resample(traced.image, grid, traced.from_ct, interpolation="nearest").data
        labels = widened(on_ct.astype(np.uint8), ct.affine, region.wall_margin_mm)
        to_ct = traced.from_ct.GetInverse()
        sd_mm = settings.mask_sd_mm if traced.sd_mm is None else traced.sd_mm
        there = centrelines_of_labels(traced.image.data, traced.image.affine, sd_mm)
        lines = {name: line.moved(map_points(to_ct, line.points)) for name, line in there.items()}
        sources = {name: traced.source for name, index in INDEX.items() if (labels == index).any()}
        if not sources:
            remarks = [*remarks, "the traced arteries lie outside the CT"]
    missing = [line for line in atlas_lines if line.name not in sources]
    if traced and not settings.complete_from_atlas:
        missing = []
    density = lumen_density(ct, [*lines.values(), *missing])
    lumen_hu, noise_hu = density.hu, density.noise_hu
    if settings.refine:
        hu_min = calcium_hu_min(lumen_hu, threshold)  # enhanced blood is not to be taken for calcium
        missing = [
            _fitted(ct, line, settings, hu_min, mri if line.artery in FITTED_ON_MRI else None) for line in missing
        ]
    if missing:
        from_atlas = region_labels(ct.data.shape, ct.affine, missing, search_reach(region))
        labels = np.where(labels > 0, labels, from_atlas)
        lines |= {line.name: line for line in missing}
        sources |= {line.name: ATLAS for line in missing}
    if not labels.any():
        return Arteries(labels, {}, {}, lumen_hu, FAILED, join_reasons(*remarks, "no artery could be placed on the CT"))
    remark = join_reasons(*remarks)
    return Arteries(labels, lines, sources, lumen_hu, REVIEW if remark else OK, remark, noise_hu)


def _fitted(ct: Image, line: Centreline, settings: ArteryMapSettings, hu_min: float, mri: Image | None) -> Centreline:
    """The atlas's line fitted to the CT and, where there is one, to the MRI, on which its lumen is then followed."""
    fitted = refine(ct, line, settings, hu_min, [mri] if mri else [])
    return follow_lumen(mri, fitted, settings.followed_sd_mm) if mri else fitted


def atlas_in_ct(table: pd.DataFrame, to_ct: Callable[[np.ndarray], np.ndarray]) -> list[Centreline]:
    """The atlas's centrelines in the CT's space; table: resources/artery_atlas/centrelines.tsv.

    Parameters
    ----------
    table : pd.DataFrame
        resources/artery_atlas/centrelines.tsv.
    to_ct : Callable[[np.ndarray], np.ndarray]
        Maps points (n, 3), RAS mm, from the template to the CT.

    Returns
    -------
    list[Centreline]
        Centrelines in the CT's space.
    """
    return [line for line in from_control_points(table, to_ct) if line.artery in ARTERIES]
