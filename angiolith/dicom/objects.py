"""DICOM objects of a session's results: a segmentation of each mask, and a structured report (TID 1500) of measures.

They bear the person of the source images, since they go back to where these came from. Nothing in them is final: a
report is partial and unverified, and each says that it is for research.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import metadata

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from angiolith.core.images import RAS_TO_LPS
from angiolith.dicom.findings import ARTERIES, RESEARCH_USE, SIDES, Mask, Segment, measures_of, own

MAKER = "angiolith"
VERSION = metadata.version("angiolith")
LABEL_MAX = 64  # characters of a segment's label (LO)
SERIES_NUMBER = 9000  # of the first object: beyond those of scanners


def uid_of(*parts: str) -> str:
    """A UID that is the same for the same parts (2.25 and a number, ISO/IEC 9834-8)."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"


def segmentation(mask: Mask, sources: Sequence[Dataset], number: int) -> hd.seg.Segmentation:
    """A binary segmentation on the mask's own grid, in the frame of reference of its source images.

    Its frames are the slices that a label lies in; there is a segment for each label, and its `tracking_id` names it.
    """
    affine = RAS_TO_LPS @ mask.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    columns, rows = affine[:3, 0] / spacing[0], affine[:3, 1] / spacing[1]
    positions = [
        hd.PlanePositionSequence("PATIENT", (affine @ [0, 0, index, 1])[:3].tolist())
        for index in range(mask.data.shape[2])
    ]
    pixels = np.zeros(mask.data.shape, np.uint8 if len(mask.segments) < 256 else np.uint16)
    for order, segment in enumerate(mask.segments, start=1):
        pixels[mask.data == segment.label] = order
    series_uid = uid_of(sources[0].SeriesInstanceUID, mask.kind.name, "series")
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(pixels.transpose(2, 1, 0)),
        segmentation_type="BINARY",
        segment_descriptions=[_described(mask, segment, order) for order, segment in enumerate(mask.segments, start=1)],
        series_instance_uid=series_uid,
        series_number=SERIES_NUMBER + number,
        sop_instance_uid=uid_of(series_uid, hashlib.sha256(mask.data.tobytes()).hexdigest()),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=VERSION,
        device_serial_number="0",
        content_description=RESEARCH_USE,
        content_label="RESEARCH",
        pixel_measures=hd.PixelMeasuresSequence(
            [float(spacing[1]), float(spacing[0])], float(spacing[2]), float(spacing[2])
        ),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", [*columns.tolist(), *rows.tolist()]),
        plane_positions=positions,
        series_description=f"{RESEARCH_USE}: {mask.kind.name}",
    )
    return made


def _described(mask: Mask, segment: Segment, order: int) -> hd.seg.SegmentDescription:
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
        tracking_uid=uid_of(mask.kind.name, str(segment.label), str(mask.data.shape), segment.name),
        tracking_id=f"{mask.kind.name} {segment.label}",
        anatomic_regions=[artery] if artery else None,
    )


def report(
    masks: Sequence[Mask], objects: Sequence[hd.seg.Segmentation], sources: Sequence[Dataset], number: int
) -> hd.sr.Comprehensive3DSR:
    """A structured report of the measures of these masks, each beside its segment; all sources of one study."""
    groups = [
        _group(mask, segment, order, one)
        for mask, one in zip(masks, objects, strict=True)
        for order, segment in enumerate(mask.segments, start=1)
    ]
    device = hd.sr.ObserverContext(
        codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid=uid_of(MAKER, VERSION), name=MAKER)
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=device),
        procedure_reported=own("research_measurement"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    series_uid = uid_of(sources[0].StudyInstanceUID, "report", "series")
    seen = hashlib.sha256("".join(one.SOPInstanceUID for one in objects).encode()).hexdigest()
    return hd.sr.Comprehensive3DSR(
        evidence=[*objects, *sources],
        content=content[0],
        series_instance_uid=series_uid,
        series_number=SERIES_NUMBER + number,
        sop_instance_uid=uid_of(series_uid, seen, repr([segment.row for mask in masks for segment in mask.segments])),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=False,
        is_final=False,
        is_verified=False,
        series_description=f"{RESEARCH_USE}: measures",
    )


def _group(
    mask: Mask, segment: Segment, order: int, one: hd.seg.Segmentation
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    artery, side = ARTERIES.get(segment.row.get("artery", "")), SIDES.get(segment.row.get("side", ""))
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
        finding_sites=[hd.sr.FindingSite(artery, side)] if artery else None,
        measurements=[
            hd.sr.Measurement(own(name), float(cell), unit) for name, (cell, unit) in measures_of(segment.row).items()
        ],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(own(name), own(segment.row[name]))
            for name in ("status", "certainty")
            if segment.row.get(name)
        ],
    )
