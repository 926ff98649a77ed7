"""A run's results as DICOM objects for the PACS that the images came from: which masks, of which source series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset

from angiolith.core.bids.walk import lies_in
from angiolith.core.images import moved
from angiolith.core.tables import atomic_path
from angiolith.dicom.classify import Decision
from angiolith.dicom.findings import Mask, masks_of
from angiolith.dicom.headers import read_headers
from angiolith.dicom.listing import Listed, read_listing
from angiolith.dicom.objects import report, segmentation
from angiolith.dicom.series import Volume, volumes_of

Say = Callable[[str], None]
SAME_GRID_MM = 1e-2  # of the corners' places: headers hold them as 32-bit numbers
ALWAYS_THERE = (  # type 2 of the modules Patient and General Study (DICOM PS3.3, C.7.1.1 and C.7.2.1)
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName"),
)


class GivingProblem(ValueError):
    """Nothing can be given back; the message says why and what to do."""


@dataclass(frozen=True)
class Sent:
    """A written object: its path, and what it holds."""

    path: Path
    words: str


def give_back(bids_dir: Path, output_dir: Path, export: Path, series: Path, dicom_dir: Path, say: Say) -> list[Sent]:
    """Write a segmentation of each mask, and a report for each study, of every session with imported images.

    Raises GivingProblem where the folder for them would be one that is shared, or no session can be traced to DICOM.
    """
    for folder in (bids_dir, output_dir):
        if lies_in(dicom_dir, folder):
            raise GivingProblem(f"{dicom_dir}: lies in {folder}; these objects name the patients: give another folder")
    rows = [row for row in read_listing(series).values() if row.get("decision") == Decision.TAKE]
    if not rows:
        raise GivingProblem(f"{series}: no series was taken; import the export first, or name its table with --series")
    volumes = {volume.key: volume for volume in volumes_of(read_headers(export)[0])}
    sent: list[Sent] = []
    for subject, session in sorted({(row.get("subject"), row.get("session")) for row in rows}):
        theirs = [row for row in rows if (row.get("subject"), row.get("session")) == (subject, session)]
        sent += _of_session(
            masks_of(output_dir, subject, session),
            theirs,
            volumes,
            bids_dir,
            dicom_dir / f"sub-{subject}_ses-{session}",
            say,
        )
    return sent


def _of_session(
    masks: Sequence[Mask],
    rows: Sequence[Listed],
    volumes: Mapping[tuple[str, int], Volume],
    bids_dir: Path,
    folder: Path,
    say: Say,
) -> Iterator[Sent]:
    """The objects of one session: masks by the study of the image whose grid they have."""
    by_study: dict[str, list[tuple[Mask, list[Dataset]]]] = {}
    for mask in masks:
        row = next((row for row in rows if _same_grid(mask, bids_dir / f"{row.get('image')}.nii.gz")), None)
        volume = volumes.get(row.key) if row else None
        if row is None or volume is None:
            say(f"{folder.name}: {mask.kind.name}: not on the grid of an imported image, or its series is not there")
            continue
        sources = [source_of(header.path) for header in volume.headers]
        by_study.setdefault(row.get("study_uid"), []).append((mask, sources))
    number = 0
    for study, (_, pairs) in enumerate(sorted(by_study.items()), start=1):
        objects = []
        for mask, sources in pairs:
            number += 1
            objects.append(segmentation(mask, sources, number))
            name = mask.kind.name.replace(" ", "_")
            yield _write(objects[-1], folder / f"{name}_seg.dcm", f"{mask.kind.name}: {len(mask.segments)} segments")
        number += 1
        unique = {source.SOPInstanceUID: source for _, sources in pairs for source in sources}
        made = report([mask for mask, _ in pairs], objects, list(unique.values()), number)
        yield _write(
            made, folder / f"measures_{study}_sr.dcm", f"measures of {sum(len(m.segments) for m, _ in pairs)} marks"
        )


def source_of(path: str) -> Dataset:
    """A source file without its pixels; attributes that must stand in each object, if empty, are made so."""
    dataset: Dataset = pydicom.dcmread(path, stop_before_pixels=True)
    for keyword in ALWAYS_THERE:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    return dataset


def _same_grid(mask: Mask, image: Path) -> bool:
    """Whether a mask has the voxels of an image, in whatever order along its axes."""
    if not image.is_file():
        return False
    file: Any = nib.load(image)
    if sorted(file.shape[:3]) != sorted(mask.data.shape):
        return False
    ours, theirs = _corners(mask.data.shape, mask.affine), _corners(file.shape[:3], np.asarray(file.affine))
    return all(np.abs(theirs - corner).max(axis=1).min() < SAME_GRID_MM for corner in ours)


def _corners(shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """The centres (8, 3) of a grid's outermost voxels, RAS mm."""
    indices = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1).T
    return moved(affine, indices.astype(float))


def _write(made: Dataset, path: Path, words: str) -> Sent:
    with atomic_path(path) as temporary:
        made.save_as(temporary)
    return Sent(path, words)
