"""DICOM objects of a session's results: a segmentation of each mask, and a structured report (TID 1500) of measures.

They bear the person of the source images, since they go back to where these came from. Nothing in them is final: a
report is partial and unverified, and each says that it is for research. The same results give the same bytes: times
are those at which the results were made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata

import highdicom as hd
import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import DA, DT, TM

from angiolith.core.images import RAS_TO_LPS
from angiolith.dicom.findings import KINDS, Mask, Segment
from angiolith.dicom.measures import (
    ARTERIES,
    RESEARCH_USE,
    SCHEME,
    SIDES,
    SessionRow,
    classes_of,
    measures_of,
    own,
)

MAKER = "angiolith"
VERSION = metadata.version("angiolith")
LABEL_MAX = 64  # characters of a segment's label (LO)
SERIES_NUMBER = 9000  # of the first object: beyond those of scanners
SAME_PLACE_MM = 1e-2  # of a frame and a slice: headers hold places as decimal texts
SCHEMES = [CodingSchemeIdentificationItem(SCHEME, name="columns and classes of angiolith's tables")]

Group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations | hd.sr.MeasurementsAndQualitativeEvaluations


def uid_of(*parts: str) -> str:
    """A UID that is the same for the same parts (2.25 and a number, ISO/IEC 9834-8).

    Parameters
    ----------
    *parts : str
        Texts.

    Returns
    -------
    str
        The UID.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"


def as_the_slices(mask: Mask, source: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """A mask with its axes in the order and sense of its source, so that a viewer has nothing to turn.

    Parameters
    ----------
    mask : Mask
        On a grid of its own, RAS mm.
    source : Dataset
        One slice; an enhanced file, which has no orientation of its own, leaves the mask as it is.

    Returns
    -------
    data : ndarray (columns, rows, slices)
        The mask's labels.
    affine : ndarray (4, 4)
        LPS mm.
    """
    affine = RAS_TO_LPS @ mask.affine
    orientation = source.get("ImageOrientationPatient")
    if not orientation:
        return mask.data, affine
    along_row, along_column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    wanted = np.column_stack([along_row, along_column, np.cross(along_row, along_column)])
    fits = wanted.T @ (affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    axes = np.abs(fits).argmax(axis=1)
    if len(set(axes.tolist())) < 3:
        return mask.data, affine
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    data = mask.data.transpose(axes)
    for new, old in enumerate(axes):
        forward = fits[new, old] > 0
        turn[old, new] = 1 if forward else -1
        if not forward:
            turn[old, 3] = mask.data.shape[old] - 1
            data = np.flip(data, new)
    return data, affine @ turn


def segmentation(mask: Mask, sources: Sequence[Dataset]) -> hd.seg.Segmentation:
    """A binary segmentation on the mask's own grid, in the frame of reference of its source images.

    Its frames are the slices that a label lies in, in the orientation of the source; there is a segment for each
    label, and its `tracking_id` names it.

    Parameters
    ----------
    mask : Mask
        The mask with its segments.
    sources : Sequence[Dataset]
        Source images, without pixels.

    Returns
    -------
    hd.seg.Segmentation
        The DICOM object.
    """
    data, affine = as_the_slices(mask, sources[0])
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    columns, rows = affine[:3, 0] / spacing[0], affine[:3, 1] / spacing[1]
    places = [(affine @ [0, 0, index, 1])[:3] for index in range(data.shape[2])]
    pixels = np.zeros(data.shape, np.uint8 if len(mask.segments) < 256 else np.uint16)
    for order, segment in enumerate(mask.segments, start=1):
        pixels[data == segment.label] = order
    series_uid = uid_of(sources[0].SeriesInstanceUID, mask.kind.name, "series")
    orientation = _orientation(sources[0], [*columns.tolist(), *rows.tolist()])
    found = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(pixels.transpose(2, 1, 0)),
        segmentation_type="BINARY",
        segment_descriptions=[
            _described(mask, segment, order, series_uid) for order, segment in enumerate(mask.segments, start=1)
        ],
        series_instance_uid=series_uid,
        series_number=SERIES_NUMBER + mask.order,
        sop_instance_uid=uid_of(series_uid, VERSION, hashlib.sha256(mask.data.tobytes()).hexdigest(), str(mask.made)),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=VERSION,
        device_serial_number="0",
        content_description=RESEARCH_USE,
        content_label="RESEARCH",
        pixel_measures=hd.PixelMeasuresSequence(
            [float(spacing[1]), float(spacing[0])], float(spacing[2]), float(spacing[2])
        ),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", orientation),
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", place) for place in _on_slices(np.array(places), sources).tolist()
        ],
        series_description=f"{RESEARCH_USE}: {mask.kind.name}",
        coding_schemes=SCHEMES,
    )
    _date(found, mask.made)
    return found


def _orientation(source: Dataset, own_axes: list[float]) -> list[float]:
    """The source's own orientation where the mask's is the same to the precision of headers."""
    given = [float(part) for part in source.get("ImageOrientationPatient") or ()]
    return given if len(given) == 6 and np.allclose(given, own_axes, atol=1e-4) else own_axes


def _on_slices(places: np.ndarray, sources: Sequence[Dataset]) -> np.ndarray:
    """Places of frames (n, 3), LPS mm; the very numbers of the slice there is at a place."""
    slices = np.array([one.ImagePositionPatient for one in sources if "ImagePositionPatient" in one], float)
    if not len(slices):
        return places
    away = np.linalg.norm(places[:, None] - slices, axis=2)
    nearest = away.argmin(axis=1)
    there = away.min(axis=1) < SAME_PLACE_MM
    return np.where(there[:, None], slices[nearest], places)


def _date(made: Dataset, when: datetime) -> None:
    """Give an object the time of its results in place of the clock's, and its dimensions a UID of its own."""
    made.InstanceCreationDate = made.ContentDate = DA(when.date())
    made.InstanceCreationTime = made.ContentTime = TM(when.time())
    for equipment in made.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = DT(when)
    for item in (*made.get("DimensionOrganizationSequence", []), *made.get("DimensionIndexSequence", [])):
        item.DimensionOrganizationUID = uid_of(made.SOPInstanceUID, "dimensions")


def _described(mask: Mask, segment: Segment, order: int, series_uid: str) -> hd.seg.SegmentDescription:
    artery = ARTERIES.get(segment.row.get("artery", ""))
    return hd.seg.SegmentDescription(
        segment_number=order,
        segment_label=segment.name[:LABEL_MAX],
        segmented_property_category=mask.kind.category,
        segmented_property_type=mask.kind.type,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            MAKER, codes.cid7162.ArtificialIntelligence, VERSION
        ),
        tracking_uid=uid_of(series_uid, str(segment.label), segment.name),
        tracking_id=f"{mask.kind.name} {segment.label}",
        anatomic_regions=[artery] if artery else None,
    )


def report(
    masks: Sequence[Mask],
    objects: Sequence[hd.seg.Segmentation],
    rows: Sequence[SessionRow],
    sources: Sequence[Dataset],
) -> hd.sr.Comprehensive3DSR:
    """A structured report of the measures of a study.

    Those of a mark stand beside its segment; each row of `rows`, which is of no single mark, is a group of its own.

    Parameters
    ----------
    masks : Sequence[Mask]
        Masks of one study.
    objects : Sequence[hd.seg.Segmentation]
        Their segmentations.
    sources : Sequence[Dataset]
        Source images, without pixels.
    rows : Sequence[SessionRow]
        Rows of no single mark.

    Returns
    -------
    hd.sr.Comprehensive3DSR
        The DICOM object.
    """
    groups: list[Group] = [
        _of_segment(mask, segment, order, one)
        for mask, one in zip(masks, objects, strict=True)
        for order, segment in enumerate(mask.segments, start=1)
    ]
    study_uid = sources[0].StudyInstanceUID
    groups += [_of_row(row, study_uid) for row in rows]
    device = hd.sr.ObserverContext(
        codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid=uid_of(MAKER, VERSION), name=MAKER)
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=device),
        procedure_reported=own("research_measurement"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    series_uid = uid_of(study_uid, "report", "series")
    made = max([*(mask.made for mask in masks), *(row.made for row in rows)])
    seen = [*(one.SOPInstanceUID for one in objects), *(str(dict(row.row)) for row in rows)]
    seen += [str(dict(segment.row)) for mask in masks for segment in mask.segments]
    found = hd.sr.Comprehensive3DSR(
        evidence=[*objects, *sources],
        content=content[0],
        series_instance_uid=series_uid,
        series_number=SERIES_NUMBER + len(KINDS) + 1,
        sop_instance_uid=uid_of(series_uid, VERSION, *seen, str(made)),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        manufacturer=MAKER,
        is_complete=False,
        is_final=False,
        is_verified=False,
        series_description=f"{RESEARCH_USE}: measures",
        coding_schemes=SCHEMES,
    )
    _date(found, made)
    return found


def _of_segment(
    mask: Mask, segment: Segment, order: int, one: hd.seg.Segmentation
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    item = one.SegmentSequence[order - 1]
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=item.TrackingUID, identifier=item.TrackingID),
        referenced_segment=hd.sr.ReferencedSegment(
            one.SOPClassUID,
            one.SOPInstanceUID,
            order,
            source_series=hd.sr.SourceSeriesForSegmentation(one.ReferencedSeriesSequence[0].SeriesInstanceUID),
        ),
        finding_type=mask.kind.type,
        finding_sites=_sites(segment.row),
        measurements=_measurements(segment.row),
        qualitative_evaluations=_classes(segment.row),
    )


def _of_row(row: SessionRow, study_uid: str) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=uid_of(study_uid, row.name), identifier=row.name),
        finding_type=row.table.finding,
        finding_sites=_sites(row.row),
        measurements=_measurements(row.row),
        qualitative_evaluations=_classes(row.row),
    )


def _sites(row: Mapping[str, str]) -> list[hd.sr.FindingSite] | None:
    artery, side = ARTERIES.get(row.get("artery", "")), SIDES.get(row.get("side", ""))
    return [hd.sr.FindingSite(artery, side)] if artery else None


def _measurements(row: Mapping[str, str]) -> list[hd.sr.Measurement]:
    return [hd.sr.Measurement(own(name), float(cell), unit) for name, (cell, unit) in measures_of(row).items()]


def _classes(row: Mapping[str, str]) -> list[hd.sr.QualitativeEvaluation]:
    return [hd.sr.QualitativeEvaluation(own(name), own(word)) for name, word in classes_of(row).items()]
