"""The lacunes of one session: its images are read, detection runs on the T1w grid, labels go to the FLAIR's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, bounding_box, crop, resample
from angiolith.core.inputs import Inputs
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.tables import FAILED
from angiolith.small_vessel.grid import paste
from angiolith.small_vessel.lacunes.detect import detect_lacunes
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, read_user_mask, to_reference
from angiolith.small_vessel.tissues import TissueError


def lacunes_of(given: Inputs, settings: LacuneDetectSettings) -> tuple[pd.DataFrame, Image]:
    """The table of lacunes (points in T1w space), and their label map on the native FLAIR grid.

    Raises NotMeasured where the session has no usable FLAIR and T1w.
    """
    flair = read_checked(given, "FLAIR")
    t1w = read_checked(given, "T1w")
    way, flair_way = to_reference(given, "T1w"), to_reference(given, "FLAIR")
    brain = brain_on(given, t1w, way)
    box = bounding_box(brain)
    part = crop(t1w, box)
    priors = priors_on(given, part, brain[box], way, "wm", "gm", "ventricles", "deep_grey")
    to_flair = flair_way.GetInverse()  # the T1w, where there is one, is the reference
    on_t1w = resample(flair, part, to_flair).data
    lesion = None
    if given.get("lesion"):
        drawn = flair.with_data(read_user_mask(given["lesion"], flair, "lesion mask"))
        lesion = resample(drawn, part, to_flair, interpolation="nearest").data > 0
    try:
        found, labels = detect_lacunes(part, on_t1w, brain[box], priors, settings, lesion)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error
    whole = t1w.with_data(paste(labels, box, t1w.data.shape))
    return found, flair.with_data(onto_flair(whole, flair, flair_way))


def onto_flair(labels: Image, flair: Image, flair_to_t1w: sitk.Transform) -> np.ndarray:
    """Label map on the FLAIR grid (nearest); a lacune between voxel centres keeps the one nearest its middle."""
    carried = resample(labels, flair, flair_to_t1w, interpolation="nearest").data.astype(np.int32)
    inverse, to_voxel = flair_to_t1w.GetInverse(), np.linalg.inv(flair.affine)
    for label in np.setdiff1d(np.unique(labels.data), [*np.unique(carried), 0]):
        middle = labels.affine[:3, :3] @ np.argwhere(labels.data == label).mean(axis=0) + labels.affine[:3, 3]
        flip = np.array([-1.0, -1.0, 1.0])
        point = np.array(inverse.TransformPoint((middle * flip).tolist())) * flip
        voxel = np.round(to_voxel[:3, :3] @ point + to_voxel[:3, 3]).astype(int)
        if ((voxel >= 0) & (voxel < carried.shape)).all():
            carried[tuple(voxel)] = label
    return carried
