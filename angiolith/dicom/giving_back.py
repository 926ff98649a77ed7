"""A run's results as DICOM objects for the PACS that the images came from: which masks, of which source series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from angiolith.dicom.measures import SessionRow, rows_of
from angiolith.dicom.objects import report, segmentation
from angiolith.dicom.series import Volume, volumes_of

Say = Callable[[str], None]
NO_SOURCE = "no image of the import is its source, or the DICOM files of that image are gone"
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

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    output_dir : Path
        The output folder.
    export : Path
        Folder of the DICOM export.
    series : Path
        Path of the table of series.
    dicom_dir : Path
        Folder to write to.
    say : Say
        Takes one line on each session.

    Returns
    -------
    list[Sent]
        What was written.

    Raises
    ------
    GivingProblem
        Where the folder for them would be one that is shared, or no session can be traced to DICOM.
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
        one = _Session(bids_dir, dicom_dir / f"sub-{subject}_ses-{session}", theirs, volumes, say)
        sent += one.write(masks_of(output_dir, subject, session), rows_of(output_dir, subject, session))
    return sent


@dataclass
class _OfStudy:
    """What goes back to one study: masks with their sources, and rows of tables."""

    masks: list[tuple[Mask, list[Dataset]]] = field(default_factory=list)
    rows: list[SessionRow] = field(default_factory=list)
    sources: dict[str, Dataset] = field(default_factory=dict)


@dataclass
class _Session:
    """The objects of one session, by the studies that its images came from."""

    bids_dir: Path
    folder: Path
    images: Sequence[Listed]
    volumes: Mapping[tuple[str, int], Volume]
    say: Say

    def write(self, masks: Sequence[Mask], rows: Sequence[SessionRow]) -> Iterator[Sent]:
        """Write a segmentation of each mask, and a report for each study."""
        for number, study in enumerate(self._by_study(masks, rows), start=1):
            objects = []
            for mask, sources in study.masks:
                objects.append(segmentation(mask, sources))
                name = mask.kind.name.replace(" ", "_")
                words = f"{mask.kind.name}: {len(mask.segments)} segments"
                yield _write(objects[-1], self.folder / f"{name}_seg.dcm", words)
            made = report([mask for mask, _ in study.masks], objects, study.rows, list(study.sources.values()))
            marks = sum(len(mask.segments) for mask, _ in study.masks)
            words = f"measures of {marks} segments, {len(study.rows)} rows of tables"
            yield _write(made, self.folder / f"measures_{number}_sr.dcm", words)

    def _by_study(self, masks: Sequence[Mask], rows: Sequence[SessionRow]) -> list[_OfStudy]:
        found: dict[str, _OfStudy] = {}
        for mask in masks:
            image = next((one for one in self.images if _same_grid(mask, self._path(one))), None)
            study = self._study(found, image)
            if study is None:
                self.say(
                    f"{self.folder.name}: {mask.kind.name}: on the grid of no imported image, or its series is gone"
                )
            elif image is not None:
                study.masks.append((mask, [study.sources[uid] for uid in self._uids(image)]))
        for row in rows:
            images = [one for target in row.table.images for one in self.images if one.get("target") == target]
            study = self._study(found, next(iter(images), None))
            if study is None:
                self.say(f"{self.folder.name}: {row.name}: {NO_SOURCE}")
            else:
                study.rows.append(row)
        return [study for _, study in sorted(found.items())]

    def _study(self, found: dict[str, _OfStudy], image: Listed | None) -> _OfStudy | None:
        """The study of an image, with the image's files among its sources."""
        if image is None or image.key not in self.volumes:
            return None
        study = found.setdefault(image.get("study_uid"), _OfStudy())
        for header in self.volumes[image.key].headers:
            uid = header.text("SOPInstanceUID")
            if uid not in study.sources:
                study.sources[uid] = source_of(header.path)
        return study

    def _uids(self, image: Listed) -> list[str]:
        return [header.text("SOPInstanceUID") for header in self.volumes[image.key].headers]

    def _path(self, image: Listed) -> Path:
        return self.bids_dir / f"{image.get('image')}.nii.gz"


def source_of(path: str) -> Dataset:
    """A source file without its pixels; attributes that must stand in each object, if empty, are made so.

    Parameters
    ----------
    path : str
        Path of the DICOM file.

    Returns
    -------
    Dataset
        Its attributes.
    """
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
