"""What goes back to a PACS, judged and read by programs that share no code with its writer.

dciodvfy (dicom3tools) checks each object against the standard, dsrdump (DCMTK) reads the report, a PACS (Orthanc) takes
all by the DICOM protocol and gives them back, and dcmqi, the library of 3D Slicer, reads masks and measures. Each is
skipped where its program is absent; the first three fail there if ANGIOLITH_REQUIRE_DICOM_TOOLS is set.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import nibabel as nib
import numpy as np
import pydicom
import pytest

from tests.unit.dicom.test_giving_back import sent  # noqa: F401 a fixture

PACKAGES = "apt-get install dicom3tools dcmtk orthanc"
EXPLAINED = (  # warnings of dciodvfy that are none of an object's faults
    "Unrecognized defined term = <99ANGIOLITH>",  # codes of the project's own scheme, which the object describes
    "StudyID(0020,0010)",  # the source has none
)


def program(name):
    """The path of a program, or the test is skipped, or failed where all of them are required."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        (pytest.fail if os.environ.get("ANGIOLITH_REQUIRE_DICOM_TOOLS") else pytest.skip)(f"no {name}: {PACKAGES}")
    return found


def said(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def objects(sent):  # noqa: F811
    return sorted((sent[0] / "send").rglob("*.dcm"))


def test_the_validator_finds_no_error_and_no_warning_without_an_explanation(sent):  # noqa: F811
    dciodvfy = program("dciodvfy")
    assert len(objects(sent)) == 4
    for path in objects(sent):
        lines = [line for line in said(dciodvfy, "-new", path).splitlines() if line.startswith(("Error", "Warning"))]
        assert [line for line in lines if not any(words in line for words in EXPLAINED)] == [], path.name


def test_another_reader_of_reports_finds_the_numbers_of_the_tables(sent):  # noqa: F811
    dsrdump = program("dsrdump")
    found = {}
    for path in objects(sent):
        if path.name.endswith("_sr.dcm"):
            for name, value in re.findall(r'NUM:\(,,"([^"]*)"\)="([^"]*)"', said(dsrdump, path)):
                found.setdefault(name, []).append(float(value))
    assert found["volume mm3"] == [3250, 187.240724, 12.5, 187.240724, 0]
    assert found["mean hu"] == [356.586639]
    assert (found["brain volume cm3"], found["wmh volume cm3"]) == ([1234.5], [3.25])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def pacs(tmp_path):
    """A PACS of this machine alone: its address of the web, and its port of DICOM."""
    orthanc, ports = program("Orthanc"), (free_port(), free_port())
    settings = {
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "HttpPort": ports[0],
        "DicomPort": ports[1],
        "DicomAet": "PACS",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen([orthanc, str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
    web = f"http://127.0.0.1:{ports[0]}"
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{web}/system", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield web, ports[1]
    finally:
        server.terminate()
        server.wait(timeout=30)


def fetched(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


def test_a_pacs_takes_the_objects_with_their_images_and_gives_the_same_back(sent, pacs, tmp_path):  # noqa: F811
    web, port = pacs
    folder = sent[0]
    said(program("dcmsend"), "-aec", "PACS", "127.0.0.1", port, "--scan-directories", "--recurse", folder / "export")
    said(program("dcmsend"), "-aec", "PACS", "127.0.0.1", port, *objects(sent))
    held = {
        json.loads(fetched(f"{web}/instances/{one}/tags?simplify"))["SOPInstanceUID"]: one
        for one in json.loads(fetched(f"{web}/instances"))
    }
    studies = json.loads(fetched(f"{web}/statistics"))["CountStudies"]
    assert studies == 2  # the objects are in the studies of their images
    for path in objects(sent):
        ours = pydicom.dcmread(path)
        back = tmp_path / path.name
        back.write_bytes(fetched(f"{web}/instances/{held[ours.SOPInstanceUID]}/file"))
        assert pydicom.dcmread(back) == ours
    mask = pydicom.dcmread(next(path for path in objects(sent) if path.name.startswith("calc")))
    frames = [fetched(f"{web}/instances/{held[mask.SOPInstanceUID]}/frames/{at}/raw") for at in range(5)]
    bits = [np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little").sum() for frame in frames]
    assert sum(bits) == int(mask.pixel_array.sum())


def test_the_library_of_3d_slicer_reads_masks_and_measures(sent, tmp_path):  # noqa: F811
    reader = shutil.which("segimage2itkimage")
    if reader is None:
        pytest.skip("no dcmqi: pip install dcmqi, in an environment of its own")
    folder, given = sent
    for name, (labels, affine) in (("calcification", given["ct"]), ("white_matter_hyperintensity", given["flair"])):
        out = tmp_path / name
        out.mkdir()
        source = folder / f"send/sub-001_ses-01/{name}_seg.dcm"
        said(reader, "--inputDICOM", source, "--outputDirectory", out, "-t", "nii")
        there = []
        for path in sorted(out.glob("*.nii.gz")):
            image = nib.load(path)
            there += [image.affine @ [*at, 1] for at in np.argwhere(np.asarray(image.dataobj))]
        here = [affine @ [*at, 1] for at in np.argwhere(labels)]
        order = [np.array(sorted(np.round(one, 3).tolist())) for one in (there, here)]
        np.testing.assert_allclose(order[0], order[1], atol=2e-3)
    report = next(path for path in objects(sent) if path.name == "measures_2_sr.dcm")
    said(shutil.which("tid1500reader"), "--inputDICOM", report, "--outputMetadata", tmp_path / "sr.json")
    groups = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    values = {one["TrackingIdentifier"]: [item["value"] for item in one["measurementItems"]] for one in groups}
    assert values["calcification 2"] == ["187.240724", "356.586639"]
