"""A PACS export as hospitals give it: DICOM of one or more studies in one folder, what is wanted among what is not.

The names, numbers and texts in it are invented. It shares nothing with the importer that it tests: positions,
orientations and scaling are written from the image's affine by DICOM's own definition (PS3.3, C.7.6.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
DOSE_REPORT, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.59"
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
ORIGINAL = ["ORIGINAL", "PRIMARY", "AXIAL"]
REFORMATTED = ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]
SOFT = {"ImageType": ORIGINAL, "ConvolutionKernel": "STANDARD", "KVP": 120, "BodyPartExamined": "HEAD"}
MAGNITUDE = ["ORIGINAL", "PRIMARY", "M", "ND"]


@dataclass
class Study:
    """One study of one person: where its files go, and the attributes that all of them have."""

    folder: Path
    name: str
    number: str
    birth: str
    day: str
    description: str
    sex: str = "F"
    series: int = field(default=0, init=False)
    files: int = field(default=0, init=False)

    @property
    def uid(self) -> str:
        return generate_uid(entropy_srcs=[self.number, self.day, self.description])

    def new_series(self) -> int:
        self.series += 1
        return self.series


def write_series(
    study: Study,
    data: np.ndarray,
    affine: np.ndarray,
    description: str,
    order: Sequence[int] | None = None,
    moments: int = 1,
    **given: Any,
) -> None:
    """Write a volume (columns, rows, slices) with its RAS affine as one file a slice; CT with an intercept of -1024.

    order: the slices in the order of their instance numbers; moments: how many times the volume is written, as time
    points of one series; given: attributes by keyword, `SOPClassUID` among them.
    """
    number = study.new_series()
    uid = generate_uid(entropy_srcs=[study.uid, str(number)])
    columns, rows = (affine[:3, axis] * RAS_TO_LPS for axis in (0, 1))
    spacing = [float(np.linalg.norm(rows)), float(np.linalg.norm(columns))]
    is_ct = given.get("SOPClassUID", CT_IMAGE) == CT_IMAGE
    shared: dict[str, Any] = {
        "SOPClassUID": CT_IMAGE,
        "Modality": "CT" if is_ct else "MR",
        "SeriesDescription": description,
        "ImageOrientationPatient": [float(part) for part in (*columns / spacing[1], *rows / spacing[0])],
        "PixelSpacing": spacing,
        "SliceThickness": float(np.linalg.norm(affine[:3, 2])),
        "PatientPosition": "HFS",
        "FrameOfReferenceUID": generate_uid(entropy_srcs=[study.uid, "frame"]),
        **({"RescaleIntercept": -1024, "RescaleSlope": 1} if is_ct else {}),
    }
    slices = [(moment, index) for moment in range(moments) for index in order or range(data.shape[2])]
    for instance, (moment, index) in enumerate(slices, start=1):
        pixels = np.clip(data[:, :, index].T + (1024 if is_ct else 0), 0, 65535).round().astype(np.uint16)
        place = [float(part) for part in (affine @ [0, 0, index, 1])[:3] * RAS_TO_LPS]
        own = {"ImagePositionPatient": place, "AcquisitionNumber": moment + 1}
        write_file(study, uid, number, instance, {**shared, **own, **given}, pixels)


def write_file(
    study: Study, series_uid: str, number: int, instance: int, attributes: Mapping[str, Any], pixels: np.ndarray | None
) -> Path:
    """Write one file with a name that says nothing, the person's name and number in it, and a private tag."""
    instance_uid = generate_uid(entropy_srcs=[series_uid, str(instance)])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = attributes["SOPClassUID"]
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    study.files += 1
    path = study.folder / f"S{study.uid[-4:]}" / f"IM{study.files:05d}"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    known: dict[str, Any] = {
        "SOPInstanceUID": instance_uid,
        "StudyInstanceUID": study.uid,
        "SeriesInstanceUID": series_uid,
        "PatientName": study.name,
        "PatientID": study.number,
        "PatientBirthDate": study.birth,
        "PatientSex": study.sex,
        "StudyDate": study.day,
        "StudyTime": "101112",
        "SeriesDate": study.day,
        "AcquisitionDate": study.day,
        "ContentDate": study.day,
        "StudyDescription": study.description,
        "AccessionNumber": f"A{study.number}",
        "ReferringPhysicianName": "Healer^Ida",
        "InstitutionName": "Invented Hospital",
        "StationName": "CT7",
        "DeviceSerialNumber": "900123",
        "ImageComments": f"seen with {study.name}",
        "Manufacturer": "Maker",
        "SeriesNumber": number,
        "InstanceNumber": instance,
    }
    for keyword, value in {**known, **attributes}.items():
        setattr(dataset, keyword, value)
    block = dataset.private_block(0x0009, "MAKER", create=True)
    block.add_new(0x10, "LO", f"private {study.name}")
    if pixels is not None:
        dataset.Rows, dataset.Columns = pixels.shape[:2]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 0
        dataset.PixelData = pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_objects(study: Study, modality: str, class_uid: str, description: str, n: int = 1) -> None:
    """Write a series that holds no image: a report, key objects, a presentation state."""
    number = study.new_series()
    uid = generate_uid(entropy_srcs=[study.uid, str(number)])
    for instance in range(1, n + 1):
        attributes = {"SOPClassUID": class_uid, "Modality": modality, "SeriesDescription": description}
        write_file(study, uid, number, instance, attributes, None)


def write_captures(study: Study, description: str, n: int, modality: str = "CT") -> None:
    """Write pictures of a screen, with the name burnt in for all one knows."""
    number = study.new_series()
    uid = generate_uid(entropy_srcs=[study.uid, str(number)])
    for instance in range(1, n + 1):
        attributes = {
            "SOPClassUID": CAPTURE,
            "Modality": modality,
            "SeriesDescription": description,
            "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"],
        }
        write_file(study, uid, number, instance, attributes, np.full((64, 64), 9 * instance, np.uint16))


def reformatted(data: np.ndarray, affine: np.ndarray, plane: str) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels as sagittal or coronal slices, every second one."""
    axes = {"sagittal": (1, 2, 0), "coronal": (0, 2, 1)}[plane]
    turned = affine.copy()
    turned[:3, :3] = affine[:3, list(axes)]
    turned[:3, 2] *= 2
    return data.transpose(axes)[:, :, ::2], turned


def write_ct_study(study: Study, data: np.ndarray, affine: np.ndarray) -> None:
    """A head CT as it is sent: scouts, two kernels, thick slices, two reformats with key images, angiogram, reports."""
    lateral, turned = reformatted(data, affine, "sagittal")
    write_series(study, lateral[:, :, :1], turned, "SCOUT", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(study, data, affine, "HEAD W/O 1.25 STD", **SOFT)
    write_series(study, data, affine, "HEAD W/O 1.25 BONE", **SOFT | {"ConvolutionKernel": "BONEPLUS"})
    thick = affine.copy()
    thick[:3, 2] *= 2
    write_series(study, data[:, :, ::2], thick, "HEAD W/O 5mm", **SOFT)
    for plane in ("sagittal", "coronal"):
        slices, turned = reformatted(data, affine, plane)
        write_series(study, slices, turned, f"{plane[:3].upper()} REFORMAT", **SOFT | {"ImageType": REFORMATTED})
        write_captures(study, f"{plane[:3].upper()} KEY IMAGES", 2)
    write_series(study, data, affine, "CTA COW", **SOFT | {"ContrastBolusAgent": "IOHEXOL 350"})
    course = SOFT | {"ContrastBolusAgent": "IOHEXOL 350"}
    write_series(study, data[:, :, :4], affine, "CTP 5.0", moments=5, **course)
    write_series(study, data[:, :, :2], affine, "KEY IMAGES", **SOFT)
    write_captures(study, "Dose Report", 1)
    write_objects(study, "SR", DOSE_REPORT, "Radiation dose")
    write_objects(study, "KO", KEY_OBJECTS, "Key objects")
    write_objects(study, "PR", PRESENTATION, "Presentation")


def mr(sequence: str, echo_ms: float, repetition_ms: float, flat: bool = False, **more: Any) -> dict[str, Any]:
    """The attributes of an MR series."""
    return {
        "SOPClassUID": MR_IMAGE,
        "ScanningSequence": sequence,
        "EchoTime": echo_ms,
        "RepetitionTime": repetition_ms,
        "MRAcquisitionType": "2D" if flat else "3D",
        "MagneticFieldStrength": 3,
        "ImageType": MAGNITUDE,
        "BodyPartExamined": "BRAIN",
        **more,
    }


def write_mr_study(study: Study, images: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """A brain MRI: localizer, the images given (T1w, T2w, FLAIR, swi, vwi, vwi_ce), and what comes with them."""
    data, affine = images["T1w"]
    scout = mr("GR", 4, 8, True, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(study, data[:, :, ::12], stretched(affine, 12), "AAHead_Scout", **scout)
    write_series(study, data, affine, "t1_mprage_sag_iso", **mr("GR", 2.9, 2300, InversionTime=900))
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "T2w": ("t2_tse_tra", mr("SE", 96, 5000, True)),
        "FLAIR": ("t2_space_dark-fluid", mr("SE", 388, 5000, InversionTime=1800)),
        "swi": ("SWI_Images", mr("GR", 20, 28, ImageType=["ORIGINAL", "PRIMARY", "M", "SWI"])),
        "vwi": ("T1 SPACE vessel wall pre", mr("SE", 16, 900)),
        "vwi_ce": ("T1 SPACE vessel wall post Gd", mr("SE", 16, 900, ContrastBolusAgent="Gadovist")),
    }
    for kind, (description, attributes) in kinds.items():
        if kind in images:
            write_series(study, *images[kind], description, **attributes)
    if "swi" in images:
        swi, place = images["swi"]
        phase = mr("GR", 20, 28, ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])
        write_series(study, 2048 + 0 * swi, place, "Pha_Images", **phase)
        lowest = mr("GR", 20, 28, ImageType=["DERIVED", "PRIMARY", "MNIP", "SWI"])
        write_series(study, swi, place, "mIP_Images(SW)", **lowest)
    write_series(study, data, affine, "TOF_3D_multi-slab", **mr("GR", 3.7, 21))
    projection = mr("GR", 3.7, 21, ImageType=["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"])
    write_series(study, data[:, :, ::4], stretched(affine, 4), "TOF_MIP_TRA", **projection)
    apparent = mr("EP", 80, 4000, True, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    write_series(study, data, affine, "ep2d_diff_ADC", **apparent)
    write_series(study, data, affine, "C-SPINE sag", **mr("SE", 100, 3000, True, BodyPartExamined="CSPINE"))
    write_series(study, data, affine, "3D brain", **mr("GR", 3, 9))  # says nothing: has to be asked


def stretched(affine: np.ndarray, times: int) -> np.ndarray:
    """The affine of every so manieth slice."""
    new = affine.copy()
    new[:3, 2] *= times
    return new
