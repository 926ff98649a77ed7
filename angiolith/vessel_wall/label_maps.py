"""Readers' drawings as files: label maps (NIfTI, NRRD, MHA), DICOM SEG, contours (polygons); each becomes a label map.

Formats that carry names (3D Slicer's .seg.nrrd, DICOM SEG) are understood by them (`parts.part_of`); maps without names
by their numbers (`parts.LABELS`).
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers.expat import ExpatError

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import RAS_TO_LPS, Image, ImageError, affine_of_sitk, read_image
from angiolith.vessel_wall.parts import DrawingError, Part, compose, part_of
from angiolith.vessel_wall.polygons import READERS as POLYGON_READERS
from angiolith.vessel_wall.polygons import Polygon, rasterised

ITK_ENDINGS = (".nrrd", ".mha", ".mhd")


def read_drawing(path: str | Path, vwi: Image) -> Image:
    """The reader's label map; raises DrawingError or ImageError with one line that says what is wrong.

    Parameters
    ----------
    path : str | Path
        Path of the drawing.
    vwi : Image
        The image that was drawn on; its slice step is the depth of contours drawn on a single slice.

    Returns
    -------
    Image
        The label map.

    Raises
    ------
    DrawingError
        For a file that is missing, empty, cannot be read or holds no valid drawing.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        raise DrawingError("the file is empty or does not exist; export it again")
    if path.suffix.lower() in POLYGON_READERS:
        return rasterised(_read_polygons(path), vwi)
    if path.suffix.lower() in ITK_ENDINGS:
        return _read_itk(path)
    if path.suffix.lower() == ".dcm":
        return _read_dicom_seg(path)
    try:
        return read_image(path)
    except ImageError as error:
        raise DrawingError(str(error).removeprefix(f"{path}: ")) from error


def _read_polygons(path: Path) -> list[Polygon]:
    """The contours of a file; whatever its parts lack or hold instead is one DrawingError."""
    try:
        return POLYGON_READERS[path.suffix.lower()](path)
    except DrawingError:
        raise
    except UnicodeDecodeError:
        raise DrawingError("is not UTF-8 text; export it again") from None
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ExpatError) as error:
        lacking = f"the part {error} is missing" if isinstance(error, KeyError) else str(error)
        raise DrawingError(f"holds contours that cannot be read ({lacking}); export it again") from error


def _read_itk(path: Path) -> Image:
    """NRRD or MetaImage; the segments' names of a .seg.nrrd decide where it has them, layers may overlap."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise DrawingError("cannot be read as NRRD or MetaImage; export it again") from error
    if image.GetDimension() != 3:
        raise DrawingError(f"has {image.GetDimension()} dimensions; give one 3D label map")
    array = sitk.GetArrayFromImage(image)
    layers = array if array.ndim == 4 else array[..., None]
    data, affine = layers.transpose(2, 1, 0, 3), affine_of_sitk(image)
    masks: dict[Part, np.ndarray] = {}
    number = 0
    while image.HasMetaDataKey(f"Segment{number}_Name"):
        facts = {
            key: image.GetMetaData(f"Segment{number}_{key}")
            for key in ("Name", "LabelValue", "Layer")
            if image.HasMetaDataKey(f"Segment{number}_{key}")
        }
        drawn = data[..., int(facts.get("Layer", 0))] == int(facts.get("LabelValue", number + 1))
        if drawn.any():
            _add(masks, part_of(facts["Name"]), drawn)
        number += 1
    if number and not masks:
        raise DrawingError("no segment holds anything: draw lumen and outer wall")
    if data.shape[-1] > 1 and not masks:
        raise DrawingError("has several values per voxel and no segment names; export it as one label map")
    return Image(compose(masks) if masks else data[..., 0], affine)


def _read_dicom_seg(path: Path) -> Image:
    """DICOM SEG, its segments by their labels; lumen and outer wall may overlap."""
    import highdicom
    import pydicom

    try:
        dataset = pydicom.dcmread(path)
    except pydicom.errors.InvalidDicomError as error:
        raise DrawingError("is no DICOM file; export the segmentation again") from error
    if dataset.get("Modality") != "SEG":
        raise DrawingError(f"is DICOM of the kind {dataset.get('Modality')}, not a segmentation (SEG)")
    try:
        segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
        volume = segmentation.get_volume(combine_segments=False, allow_missing_positions=True)
    except (ValueError, RuntimeError, AttributeError) as error:
        raise DrawingError(f"the DICOM SEG makes no regular volume ({error})".splitlines()[0]) from error
    masks: dict[Part, np.ndarray] = {}
    for at, number in enumerate(segmentation.segment_numbers):
        name = str(segmentation.get_segment_description(number).segment_label)
        _add(masks, part_of(name), np.asarray(volume.array[..., at]) > 0)
    return Image(compose(masks), RAS_TO_LPS @ volume.affine)


def _add(masks: dict[Part, np.ndarray], part: Part, drawn: np.ndarray) -> None:
    """Several segments of one part (two lesions, say) lie in one mask."""
    masks[part] = masks[part] | drawn if part in masks else drawn
