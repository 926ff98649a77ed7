"""What the small-vessel jobs read of a session: the image, its way to the reference and the template, brain and priors.

A session that cannot be measured raises NotMeasured, with the status and the reason of its row.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import Image, ImageError, read_image, read_mri, read_transform, require_same_grid, resample
from angiolith.core.inputs import Inputs
from angiolith.core.tables import FAILED, MISSING, read_json, was_made
from angiolith.small_vessel.tissues import onto, template_prior


class NotMeasured(Exception):
    """The session has no such measure; `status` is missing (no image) or failed (it cannot be used)."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_checked(given: Inputs, column: str, name: str = "") -> Image:
    """The image of this column; NotMeasured if there is none, if its check failed, or if it cannot be read.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.
    name : str
        Name for the message; empty for the column's.

    Returns
    -------
    Image
        The image.

    Raises
    ------
    NotMeasured
        If there is no image, if its check failed, or if it cannot be read.
    """
    name = name or column
    if not given.get(column):
        raise NotMeasured(MISSING, f"no {name}")
    found = read_json(given["checks"])["images"].get(column, {})
    if found.get("status") == FAILED:
        raise NotMeasured(FAILED, f"{name}: {found['reason']}")
    try:
        return read_mri(given[column])
    except ImageError as error:
        raise NotMeasured(FAILED, f"{name}: {str(error).removeprefix(f'{given[column]}: ')}") from error


def to_reference(given: Inputs, column: str) -> sitk.Transform:
    """ITK transform from points of the image to points of the session's reference; identity for the reference itself.

    Inputs: `<column>_to_reference` (absent for the reference) and its sidecar `<column>_to_reference_facts`.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.

    Returns
    -------
    sitk.Transform
        The transform.

    Raises
    ------
    NotMeasured
        If the image was not registered.
    """
    path = given.get(f"{column}_to_reference")
    if not path:
        return sitk.Transform(3, sitk.sitkIdentity)
    if not was_made(path):
        raise NotMeasured(
            FAILED, f"registration of {column}: {read_json(given[f'{column}_to_reference_facts'])['reason']}"
        )
    return read_transform(path).GetInverse()


def between(given: Inputs, column: str, other: str) -> sitk.Transform:
    """ITK transform from points of one image to points of another, through the session's reference.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column, other : str
        Columns of the two images.

    Returns
    -------
    sitk.Transform
        The transform.

    Raises
    ------
    NotMeasured
        If one of them was not registered.
    """
    return sitk.CompositeTransform([to_reference(given, other).GetInverse(), to_reference(given, column)])


def brain_on(given: Inputs, grid: Image, grid_to_reference: sitk.Transform) -> np.ndarray:
    """The brain mask on the grid of an image; NotMeasured if the brain was not found.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    grid : Image
        Image whose grid is taken.
    grid_to_reference : sitk.Transform
        Maps points of the grid to points of the reference.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.

    Raises
    ------
    NotMeasured
        If the brain was not found, or lies outside the image.
    """
    if not given.get("brain") or not was_made(given["brain"]):
        reason = read_json(given["template_facts"])["reason"] if given.get("template_facts") else "no MRI reference"
        raise NotMeasured(FAILED, f"registration to the template: {reason}")
    brain = read_image(given["brain"])
    own = brain.data.shape == grid.data.shape and np.allclose(brain.affine, grid.affine, atol=1e-4)
    mask = brain.data > 0.5 if own else resample(brain, grid, grid_to_reference).data > 0.5
    if not mask.any():
        raise NotMeasured(FAILED, "the brain lies outside the image: the registration put it elsewhere")
    return mask


def priors_on(
    given: Inputs, grid: Image, brain: np.ndarray, grid_to_reference: sitk.Transform, *names: str
) -> dict[str, np.ndarray]:
    """The template's priors of these names on the grid of an image, within its brain mask.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    grid : Image
        Image whose grid is taken.
    brain : np.ndarray
        Mask of the brain on the grid, bool (i, j, k).
    grid_to_reference : sitk.Transform
        Maps points of the grid to points of the reference.
    *names : str
        Names of priors.

    Returns
    -------
    dict[str, np.ndarray]
        Name -> prior (i, j, k), 0 to 1.
    """
    to_template = sitk.CompositeTransform([read_transform(given["from_template"]), grid_to_reference])
    return dict(zip(names, onto([template_prior(name) for name in names], grid, to_template, brain), strict=True))


def read_user_mask(path: str, flair: Image, what: str = "WMH mask") -> np.ndarray:
    """A mask that the user gave; NotMeasured if it is not on the FLAIR's grid.

    Parameters
    ----------
    path : str
        Path of the mask.
    flair : Image
        The FLAIR.
    what : str
        What the mask is, for messages.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.

    Raises
    ------
    NotMeasured
        If the mask cannot be read or is not on the FLAIR's grid.
    """
    try:
        mask = read_image(path)
        require_same_grid(mask, flair, f"{what} and FLAIR")
    except ImageError as error:
        raise NotMeasured(FAILED, str(error).removeprefix(f"{path}: ")) from error
    return np.asarray(mask.data > 0.5)
