"""Masks and drawings made elsewhere: the row of the session that they belong to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from angiolith.arteries.mapping import traced_from_mask
from angiolith.core.images import Image, read_image
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.small_vessel.session import NotMeasured, read_user_mask
from angiolith.vessel_wall.inputs import drawing_of
from angiolith.vessel_wall.session import CtSide, measure_session
from tests.hostile.case import FAILED, TOLD, Answer, Case
from tests.hostile.images import save

VWI = Image(np.random.default_rng(0).normal(100, 5, (24, 24, 24)).astype(np.float32), np.diag([0.7, 0.7, 0.7, 1.0]))
COLUMNS = "part,contour,x_mm,y_mm,z_mm\n"
SQUARE = "".join(f"lumen,1,{x},{y},5\n" for x, y in ((4, 4), (6, 4), (6, 6), (4, 6)))


def drawn(name: str, said: str, file: str, content: str | bytes | np.ndarray, affine: np.ndarray = VWI.affine) -> Case:
    """A reader's drawing: text, bytes, or a label map on the grid of the vessel-wall image."""

    def make(folder: Path) -> Answer:
        path = folder / f"sub-01_ses-01_desc-reader1_{file}"
        if isinstance(content, np.ndarray):
            save(path, content, affine)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        drawing = drawing_of(path, VWI)
        rows, _ = measure_session(
            VWI, {"reader1": drawing}, CtSide("no CT"), "no", WallMeasureSettings(), WallGradeSettings()
        )
        return Answer(f"row: {rows[0]['status']}", f"{path}: {rows[0]['reason']}")

    return Case(name, FAILED, said, make)


def labelled(label: int) -> np.ndarray:
    data = np.zeros(VWI.data.shape, np.uint8)
    data[8:12, 8:12, 8:12] = label
    return data


def other_grid(folder: Path) -> Answer:
    path = folder / "sub-01_ses-01_space-FLAIR_desc-wmh_mask.nii.gz"
    save(path, np.ones((10, 10, 10), np.uint8))
    try:
        read_user_mask(path, VWI)
    except NotMeasured as problem:
        return Answer(f"row: {problem.status}", f"{path}: {problem.reason}")
    return Answer("taken", "")


def arteries(folder: Path, data: np.ndarray) -> Answer:
    path = folder / "sub-01_ses-01_desc-arteries_dseg.nii.gz"
    save(path, data)
    traced, told = traced_from_mask(read_image(path), sitk.Transform(3, sitk.sitkIdentity), None)
    return Answer(TOLD if traced is None else "taken", f"{path}: {told} (the atlas is taken)")


def unknown_arteries(folder: Path) -> Answer:
    return arteries(folder, labelled(99))


def fractions(folder: Path) -> Answer:
    return arteries(folder, np.where(labelled(1) > 0, np.float32(0.4), np.float32(0)))


BROKEN_XML = "<plist><dict><key>Images</key>"
CASES = (
    drawn("a label that is not known", "unknown labels 77", "dseg.nii.gz", labelled(77)),
    drawn("a drawing without a lesion", "no lesion is drawn", "dseg.nii.gz", labelled(3)),
    drawn("a wall without its lumen", "draw the lumen", "dseg.nii.gz", labelled(2)),
    drawn("a drawing in another space", "in another space", "dseg.nii.gz", labelled(1), np.diag([9.0, 9.0, 9.0, 1.0])),
    drawn("an empty drawing", "export it again", "dseg.nii.gz", b""),
    drawn("contours without the outer wall", "drawn without its outer wall", "contours.csv", COLUMNS + SQUARE),
    drawn(
        "a table of contours without a column", "lacks the column 'z_mm'", "contours.csv", "part,contour,x_mm,y_mm\n"
    ),
    drawn("a contour of two points", "has 2 points", "contours.csv", COLUMNS + "lumen,1,4,4,5\nlumen,1,6,4,5\n"),
    drawn("text among coordinates", "no numbers", "contours.csv", COLUMNS + SQUARE + "lumen,1,four,4,5\n"),
    drawn("a row of contours cut short", "export it again", "contours.csv", COLUMNS + SQUARE + "lumen,1\n"),
    drawn("contours of unknown names", "is not known", "contours.csv", COLUMNS + SQUARE.replace("lumen", "ROI")),
    drawn("contours in UTF-16", "export it again", "contours.csv", (COLUMNS + SQUARE).encode("utf-16")),
    drawn("contours as broken JSON", "is no JSON", "contours.json", '{"contours": ['),
    drawn(
        "contours in JSON without points",
        "'points' is missing",
        "contours.json",
        json.dumps({"contours": [{"part": "lumen"}]}),
    ),
    drawn("a property list cut short", "export it again", "rois.xml", BROKEN_XML),
    drawn("text named .dcm", "is no DICOM file", "seg.dcm", "not DICOM" * 40),
    drawn("text named .nrrd", "cannot be read as NRRD", "seg.nrrd", "not NRRD"),
    Case("a WMH mask on another grid", FAILED, "the grids differ", other_grid),
    Case("an artery mask of unknown labels", TOLD, "are no known arteries", unknown_arteries),
    Case("an artery mask of probabilities", TOLD, "no labels", fractions),
)
