"""Segment white matter hyperintensities on the native FLAIR, or take a mask made elsewhere; label the tissues."""

import numpy as np

from angiolith.core.images import Image, ImageError, bounding_box, crop, read_image, require_same_grid, write_image
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, write_json, write_not_made
from angiolith.runtime.job import run
from angiolith.small_vessel.grid import paste
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.tissues import TISSUES, TissueError
from angiolith.small_vessel.wmh.posterior import read_model
from angiolith.small_vessel.wmh.segment import Wmh, segment_wmh
from angiolith.small_vessel.wmh.tool import ToolError, run_tool, tool_facts


def segment(given, flair: Image, settings) -> Wmh:
    """Segment on the part of the grid that holds the brain; arrays come back on the whole grid."""
    way = to_reference(given, "FLAIR")
    brain = brain_on(given, flair, way)
    box = bounding_box(brain)
    part = crop(flair, box)
    priors = priors_on(given, part, brain[box], way, "wm", "gm", "ventricles")
    try:
        found = segment_wmh(part, brain[box], priors, read_model(given["model"]), settings)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error
    mask, tissues = (paste(array, box, flair.data.shape) for array in (found.mask, found.tissues))
    return Wmh(mask, tissues, found.status, found.reason, found.facts)


def read_user_mask(path, flair: Image) -> np.ndarray:
    """The user's mask; NotMeasured if it is not on the FLAIR's grid."""
    try:
        mask = read_image(path)
        require_same_grid(mask, flair, "WMH mask and FLAIR")
    except ImageError as error:
        raise NotMeasured(FAILED, str(error).removeprefix(f"{path}: ")) from error
    return mask.data > 0.5


def mask_from_elsewhere(given, flair: Image, tool) -> tuple[np.ndarray | None, dict]:
    """The user's mask, else that of the tool in the configuration, else None; and where it comes from."""
    if given.get("wmh"):
        return read_user_mask(given.wmh, flair), {"source": "user"}
    if not tool["command"]:
        return None, {"source": "built-in"}
    images = {column: given[column] for column in ("FLAIR", "T1w") if given.get(column)}
    try:
        return run_tool(images, flair, tool), {"source": "tool", "tool": tool_facts(tool)}
    except ToolError as error:
        raise NotMeasured(FAILED, str(error)) from error


def main(snakemake):
    given, out = snakemake.input, snakemake.output
    settings = snakemake.params.settings["wmh"]
    facts: dict[str, object] = {}
    tissues = None
    try:
        flair = read_checked(given, "FLAIR")
        mask, facts = mask_from_elsewhere(given, flair, snakemake.params.settings["wmh_tool"])
        try:
            found = segment(given, flair, settings)
            tissues = found.tissues
            facts |= found.facts
        except NotMeasured as problem:
            if mask is None:
                raise
            facts |= {
                "status": REVIEW,
                "reason": f"the given mask was taken, tissues are not labelled: {problem.reason}",
            }
        else:
            status, reason = (found.status, found.reason) if mask is None else (OK, "")
            facts |= {"status": status, "reason": join_reasons(reason)}
        mask = found.mask if mask is None else mask
    except NotMeasured as problem:
        write_not_made(out.mask, out.tissues)
        write_json(facts | {"status": problem.status, "reason": problem.reason, "volume_cm3": None}, out.facts)
        return
    write_image(mask, flair.affine, out.mask)
    if tissues is None:
        write_not_made(out.tissues)
    else:
        write_image(tissues, flair.affine, out.tissues)
    labels = {str(label): name for label, name in TISSUES.items()}
    facts |= {"volume_cm3": round(float(mask.sum()) * flair.voxel_volume_mm3 / 1000, 6), "tissue_labels": labels}
    write_json(facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
