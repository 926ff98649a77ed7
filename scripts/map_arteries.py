"""Place the arteries on the native CT grid: from a mask, an angiogram, or the atlas warped to the subject."""

import numpy as np
import SimpleITK as sitk

from angiolith.arteries.centrelines import to_table
from angiolith.arteries.mapping import atlas_in_ct, map_arteries, traced_from_angio, traced_from_mask
from angiolith.arteries.names import lookup_table
from angiolith.core.images import (
    ImageError,
    map_points,
    matrix_ras,
    read_ct,
    read_image,
    read_transform,
    write_image,
)
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import (
    FAILED,
    join_reasons,
    read_json,
    read_tsv,
    was_made,
    write_json,
    write_not_made,
    write_tsv,
)
from angiolith.registration.job import refusal
from angiolith.runtime.job import run


def main(snakemake):
    files, out, settings = snakemake.input, snakemake.output, snakemake.params.settings
    reason = refusal(read_json(files.checks), "ct")
    if reason:
        facts = {"status": FAILED, "reason": reason, "source": "none", "lumen_hu": None}
    else:
        ct = read_ct(files.ct)
        found = place(ct, files, snakemake.params.mask_space, settings)
        lumen_hu = round(found.lumen_hu, 1) if np.isfinite(found.lumen_hu) else None
        facts = {"status": found.status, "reason": found.reason, "source": found.source, "lumen_hu": lumen_hu}
    write_json(facts, out.facts)
    if facts["status"] == FAILED:
        write_not_made(out.labels, out.lookup, out.centrelines)
        return
    write_image(found.labels, ct.affine, out.labels)
    write_tsv(lookup_table(found.sources), out.lookup)
    write_tsv(to_table(found.lines.values()), out.centrelines)


def place(ct, files, mask_space, given):
    """The arteries of one session; what could not be used is told in their reason."""
    settings, region = step_settings(given, ArteryMapSettings), step_settings(given, ArteryRegionSettings)
    threshold = step_settings(given, CalciumThresholdSettings)
    tell, atlas, traced = [], [], None
    registration = read_json(files.registration)
    # a transform that was made may still have been judged wrong
    to_ct = None if registration["status"] == FAILED else read_made(files.get("ct_to_reference"))
    from_template = read_made(files.get("reference_to_template"))
    if to_ct is None or from_template is None:
        why = join_reasons("no atlas: the registration of the CT or of its reference failed", registration["reason"])
        tell.append(why)
    else:
        whole = sitk.CompositeTransform([to_ct, from_template])  # the last one is applied first
        atlas = atlas_in_ct(read_tsv(files.atlas), lambda points: map_points(whole, points))
    if files.get("mask"):
        way = (
            sitk.Transform(3, sitk.sitkIdentity)
            if mask_space == "ct"
            else way_from_ct(to_ct, files.get("mask_to_reference"))
        )
        lookup = read_tsv(files.mask_lookup) if files.get("mask_lookup") else None
        traced, told = use("artery mask", files.mask, way, lambda image: traced_from_mask(image, way, lookup))
        tell.append(told)
    if traced is None and files.get("angio"):
        way = way_from_ct(to_ct, files.get("angio_to_reference"))
        make = lambda image: traced_from_angio(image, way, atlas, settings, region)  # noqa: E731
        traced, told = use("angiogram", files.angio, way, make)
        tell.append(told)
    mri = read_image(files.mri).placed(matrix_ras(to_ct)) if files.get("mri") and to_ct is not None else None
    return map_arteries(ct, traced, atlas, settings, region, threshold, tell, mri)


def use(what, path, way, make):
    """The arteries traced in an image and what to tell; an image that cannot be used is told, and passed over."""
    if way is None:
        return None, f"the {what} was not used: its registration to the CT failed"
    try:
        return make(read_image(path))
    except ImageError as error:
        return None, f"the {what} was not used: {str(error).removeprefix(f'{path}: ')}"


def read_made(path):
    """A transform; the identity where none is needed, None where it could not be made."""
    if not path:
        return sitk.Transform(3, sitk.sitkIdentity)
    return read_transform(path) if was_made(path) else None


def way_from_ct(to_ct, to_reference):
    """The transform from points of the CT to points of an image, through the reference; None if one could not be made.

    to_ct maps points of the reference to the CT; `to_reference` is the file that maps them to the image.
    """
    to_image = read_made(to_reference)
    if to_ct is None or to_image is None:
        return None
    return sitk.CompositeTransform([to_image, to_ct.GetInverse()])


if __name__ == "__main__":
    run(main, snakemake)
