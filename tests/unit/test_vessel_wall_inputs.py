"""Readers' files: label maps, DICOM SEG, contours of our own and of Horos / OsiriX; each comes to the same numbers."""

import json
import plistlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from angiolith.core.images import RAS_TO_LPS, Image, to_sitk, write_image
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.vessel_wall import drawing, parts
from angiolith.vessel_wall.label_maps import read_drawing
from angiolith.vessel_wall.metrics import measure_segment, wall_metrics
from angiolith.vessel_wall.parts import DrawingError, part_of
from angiolith.vessel_wall.polygons import read_points
from validation.tubes import Tube, draw

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
TUBE = Tube((0.9, 0.9), shift_mm=0.4, length_mm=4, reference_mm=(1.3, 1.8))
STEP_MM = 0.5


@pytest.fixture(scope="module")
def labels():
    return Image(*draw(TUBE, (0.25, 0.25, STEP_MM), (0, 0, 1), 3))


@pytest.fixture(scope="module")
def vwi(labels):
    return Image(np.zeros(labels.data.shape, np.float32), labels.affine)


def contours(labels):
    """Circles of the tube in the slices of its grid: (name, points RAS (n, 3), slice)."""
    found = []
    index = np.argwhere(labels.data == parts.LUMEN)
    middle = index[:, :2].mean(axis=0)
    outer = np.argwhere(np.isin(labels.data, (1, 2)))[:, :2].mean(axis=0)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    for at in np.unique(index[:, 2]):
        for name, centre, radius in (("Lumen", middle, 0.9), ("outer WALL", outer, 2.0)):
            x, y = centre[0] + radius / 0.25 * np.cos(angle), centre[1] + radius / 0.25 * np.sin(angle)
            points = np.stack([x, y, np.full(60, at)], axis=1) @ labels.affine[:3, :3].T + labels.affine[:3, 3]
            found.append((name, points, int(at)))
    return found


def row_of(image):
    (piece,) = drawing.pieces(image, parts.LUMEN, parts.WALL)
    assert piece.segment is not None, piece.reason
    return wall_metrics(measure_segment(piece.segment, SETTINGS), SETTINGS, GRADES)


def assert_measured(image):
    row = row_of(image)
    for name in ("lumen_area_mm2", "outer_wall_area_mm2"):
        assert row[name] == pytest.approx(TUBE.truth[name], rel=0.05), name
    for name in ("max_wall_mm", "min_wall_mm"):
        assert row[name] == pytest.approx(TUBE.truth[name], abs=0.13), name


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_label_maps_of_all_formats_are_the_same(tmp_path, labels, vwi, ending):
    path = tmp_path / f"drawing{ending}"
    if ending == ".nii.gz":
        write_image(labels.data, labels.affine, path)
    else:
        sitk.WriteImage(to_sitk(labels), str(path))
    image = read_drawing(path, vwi)
    np.testing.assert_array_equal(image.data, labels.data)
    np.testing.assert_allclose(image.affine, labels.affine, atol=1e-4)


def test_segments_of_3d_slicer_are_known_by_their_names(tmp_path, labels, vwi):
    swapped = np.array([0, 4, 7, 2, 1], np.uint8)[labels.data]
    image = to_sitk(Image(swapped, labels.affine))
    names = {4: "Lumen", 7: "Plaque wall", 2: "proximal reference lumen", 1: "Proximal reference wall"}
    for number, (value, name) in enumerate(names.items()):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", str(value))
    sitk.WriteImage(image, str(tmp_path / "drawing.seg.nrrd"))
    read = read_drawing(tmp_path / "drawing.seg.nrrd", vwi)
    expected = np.where(np.isin(labels.data, (3, 4)), labels.data + 3, labels.data)
    np.testing.assert_array_equal(read.data, expected)


def write_template(path, found, space="RAS"):
    lines = ["part,contour,x_mm,y_mm,z_mm,space"]
    for number, (name, points, _) in enumerate(found):
        signs = (-1, -1, 1) if space == "LPS" else (1, 1, 1)
        lines += [f"{name},{number},{x:.5f},{y:.5f},{z:.5f},{space}" for x, y, z in points * signs]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_horos_csv(path, found):
    lines = [
        "ImageNo,RoiNo,RoiMean,RoiMin,RoiMax,RoiTotal,RoiDev,RoiName,RoiCenterX,RoiCenterY,RoiCenterZ,"
        "LengthCm,LengthPix,AreaPix2, AreaCm2,RoiType,NumOfPoints,mmX,mmY,mmZ,pxX,pxY,..."
    ]
    for name, points, at in found:
        numbers = ",".join(f"{-x:.5f},{-y:.5f},{z:.5f},0.0,0.0" for x, y, z in points)
        lines.append(f'{at},0,1,0,2,3,0.5,"{name}",0,0,0,1,1,1,1,11,{len(points)},{numbers}')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def horos_content(found, kind=11):
    rois = [
        {"Name": name, "Type": kind, "Point_mm": [f"({-x:.6f}, {-y:.6f}, {z:.6f})" for x, y, z in points]}
        for name, points, _ in found
    ]
    return {"Images": [{"ImageIndex": 0, "ROIs": rois}]}


@pytest.mark.parametrize("kind", ["template", "template LPS", "own json", "Horos csv", "Horos xml", "Horos json"])
def test_contours_come_to_the_tube_s_numbers(tmp_path, labels, vwi, kind):
    found = contours(labels)
    path = tmp_path / f"rois.{ {'csv': 'csv', 'xml': 'xml', 'json': 'json'}.get(kind.split()[-1], 'csv') }"
    if kind.startswith("template"):
        write_template(path, found, "LPS" if kind.endswith("LPS") else "RAS")
    elif kind == "own json":
        listed = [{"part": name, "points": points.tolist()} for name, points, _ in found]
        path.write_text(json.dumps({"space": "RAS", "contours": listed}))
    elif kind == "Horos csv":
        write_horos_csv(path, found)
    elif kind == "Horos xml":
        path.write_bytes(plistlib.dumps(horos_content(found)))
    else:
        path.write_text(json.dumps(horos_content(found)))
    assert_measured(read_drawing(path, vwi))


def test_one_slice_of_contours_is_measured(tmp_path, labels, vwi):
    write_template(tmp_path / "one.csv", contours(labels)[:2])
    image = read_drawing(tmp_path / "one.csv", vwi)
    row = row_of(image)
    assert row["lumen_area_mm2"] == pytest.approx(np.pi * 0.81, rel=0.03)
    assert row["max_wall_mm"] == pytest.approx(2.0 - 0.9 + 0.4, abs=0.06)
    assert image.voxel_mm[2] == pytest.approx(STEP_MM)


def test_dicom_seg_with_overlapping_segments_is_read(tmp_path, labels, vwi):
    seg = dicom_seg(labels)
    seg.save_as(tmp_path / "drawing.dcm")
    assert_measured(read_drawing(tmp_path / "drawing.dcm", vwi))


def dicom_seg(labels):
    """A DICOM SEG of lumen and (filled) outer wall, on a made-up MR series."""
    import highdicom as hd
    import pydicom
    from highdicom.sr.coding import CodedConcept
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    lps = RAS_TO_LPS @ labels.affine
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    study, series, frame = (generate_uid(entropy_srcs=[name]) for name in ("study", "series", "frame"))
    sources = []
    for k in range(labels.data.shape[2]):
        ds = pydicom.Dataset()
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[f"slice {k}"])
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.Modality, ds.PatientID, ds.PatientName = "MR", "1", "phantom"
        ds.PatientBirthDate = ds.PatientSex = ds.StudyDate = ds.StudyTime = ds.StudyID = ds.AccessionNumber = ""
        ds.ReferringPhysicianName = ds.PositionReferenceIndicator = ""
        ds.InstanceNumber, ds.SeriesNumber = k + 1, 1
        ds.Columns, ds.Rows = labels.data.shape[:2]  # a DICOM row runs along the first axis
        ds.PixelSpacing = [float(steps[1]), float(steps[0])]
        ds.SliceThickness = float(steps[2])
        ds.ImageOrientationPatient = [*(lps[:3, 0] / steps[0]), *(lps[:3, 1] / steps[1])]
        ds.ImagePositionPatient = list(lps[:3, 3] + k * lps[:3, 2])
        ds.BitsAllocated = ds.BitsStored = 16
        sources.append(ds)
    drawn = [labels.data == 1, np.isin(labels.data, (1, 2))]
    pixels = np.stack([mask.transpose(2, 1, 0) for mask in drawn], axis=-1).astype(np.uint8)
    category, kind = CodedConcept("85756007", "SCT", "Tissue"), CodedConcept("51114001", "SCT", "Artery")
    descriptions = [
        hd.seg.SegmentDescription(number, name, category, kind, "MANUAL")
        for number, name in enumerate(("Lumen", "Outer wall"), start=1)
    ]
    return hd.seg.Segmentation(
        sources,
        pixels,
        "BINARY",
        descriptions,
        generate_uid(entropy_srcs=["seg"]),
        2,
        generate_uid(entropy_srcs=["instance"]),
        1,
        "made here",
        "phantom",
        "1",
        "0",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Lumen", ("lumen", None)),
        ("OUTER_WALL 2", ("outer", None)),
        ("vessel wall", ("outer", None)),
        ("Reference lumen", ("lumen", "")),
        ("distal normal outer wall", ("outer", "distal")),
        ("pituitary stalk", ("stalk", None)),
    ],
)
def test_names_of_parts(name, expected):
    assert part_of(name) == expected


def bad_file(folder: Path, labels, kind):
    found = contours(labels)
    path = folder / "bad.csv"
    if kind == "open polygon":
        path = folder / "bad.json"
        path.write_text(json.dumps(horos_content(found, kind=10)))
    elif kind == "lumen outside wall":
        write_template(path, [(n, p + ((2, 0, 0) if n == "Lumen" else (0, 0, 0)) @ np.eye(3), k) for n, p, k in found])
    elif kind == "unknown name":
        write_template(path, [("thing", p, k) for _, p, k in found])
    elif kind == "no wall":
        write_template(path, [one for one in found if one[0] == "Lumen"])
    elif kind == "slice left out":
        write_template(path, [one for one in found if one[2] != found[6][2]])
    elif kind == "two points":
        write_template(path, [(n, p[:2], k) for n, p, k in found])
    elif kind == "no plane":
        write_template(path, [(n, p + np.linspace(0, 5, 60)[:, None], k) for n, p, k in found])
    elif kind == "empty file":
        path.write_text("")
    elif kind == "no columns":
        path.write_text("a,b\n1,2\n")
    elif kind == "no DICOM":
        path = folder / "bad.dcm"
        path.write_text("hello")
    elif kind == "no NRRD":
        path = folder / "bad.nrrd"
        path.write_text("hello")
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("open polygon", "open polygon"),
        ("lumen outside wall", "lies outside the outer wall"),
        ("unknown name", "name 'thing' is not known"),
        ("no wall", "without its outer wall"),
        ("slice left out", "is not drawn"),
        ("two points", "has 2 points"),
        ("no plane", "does not lie in one plane"),
        ("empty file", "empty"),
        ("no columns", "lacks the column 'part'"),
        ("no DICOM", "no DICOM file"),
        ("no NRRD", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, labels, vwi, kind, said):
    with pytest.raises(DrawingError, match=said) as caught:
        read_drawing(bad_file(tmp_path, labels, kind), vwi)
    assert "\n" not in str(caught.value)


def test_the_shipped_templates_are_read(vwi):
    folder = Path(__file__).parents[2] / "docs/templates"
    image = read_drawing(folder / "plaque_contours.csv", vwi)
    assert set(np.unique(image.data)) == {0, 1, 2, 6, 7}
    points = dict(read_points(folder / "vessel_points.csv"))
    assert set(points) == {None, "proximal"}
    assert points[None].shape == (2, 3)


def test_points_of_a_horos_export_are_in_ras(tmp_path):
    write_horos_csv(
        tmp_path / "points.csv", [("Lesion", np.array([[1.0, 2, 3]]), 0), ("lesion", np.array([[1.0, 2, 9]]), 1)]
    )
    ((position, points),) = read_points(tmp_path / "points.csv")
    assert position is None
    np.testing.assert_allclose(points, [[1, 2, 3], [1, 2, 9]])
