"""Small heads, and an export of two patients with two visits each, written by `phantoms.pacs_export`."""

from pathlib import Path

import numpy as np

from phantoms.pacs_export import Study, write_ct_study, write_mr_study

NAMES = ("Sonnenschein", "Mustermann", "Wanderer")
TAKEN = {"ct", "T1w", "T2w", "FLAIR", "swi", "swi_phase", "vwi", "vwi_ce", "angio", "adc"}


def small_head(edge_mm=7.0, step_mm=5.0, turned_deg=0.0, slices=20):
    """A ball with a bright spot off the middle and noise, 32 x 32 x slices, and its affine; slices may be turned."""
    places = np.stack(np.meshgrid(*(np.arange(n) for n in (32, 32, slices)), indexing="ij"), axis=-1)
    middle = np.array([15.5, 15.5, (slices - 1) / 2])
    ball = (((places - middle) * [edge_mm, edge_mm, step_mm]) ** 2).sum(axis=-1) < 70**2
    data = np.where(ball, 300.0, 20.0) + np.random.default_rng(3).normal(0, 5, ball.shape).round()
    data[20:23, 9:12, slices // 2] = 900
    angle = np.radians(turned_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-edge_mm, -edge_mm, step_mm])
    affine[:3, 3] = -affine[:3, :3] @ middle
    return data, affine


def write_ct_visits(folder: Path) -> list[Path]:
    """One patient with a CT in two years; the folder of each study, the earlier first."""
    data, affine = small_head()
    studies = [
        Study(folder, "Sonnenschein^Clara", "77001234", "19500203", day, "CT HEAD") for day in ("20200110", "20230501")
    ]
    for study in studies:
        write_ct_study(study, data - 1000, affine)
    return [study.folder / f"S{study.uid[-4:]}" for study in studies]


def write_export(folder: Path) -> int:
    """Two patients, each with CT and MRI a few days apart, and both again three years later; the number of files."""
    data, affine = small_head()
    mri = small_head(turned_deg=8)
    images = dict.fromkeys(("T1w", "T2w", "FLAIR", "swi", "vwi", "vwi_ce"), mri)
    n_files = 0
    for name, number, birth in (
        ("Sonnenschein^Clara", "77001234", "19500203"),
        ("Mustermann^Otto", "77005678", "19310405"),
    ):
        for ct_day, mri_day in (("20200110", "20200114"), ("20230501", "20230420")):
            ct = Study(folder, name, number, birth, ct_day, "CT HEAD")
            write_ct_study(ct, data - 1000, affine)
            scan = Study(folder, name, number, birth, mri_day, "MRI BRAIN")
            write_mr_study(scan, images)
            n_files += ct.files + scan.files
    (folder / "DICOMDIR").write_bytes(b"a directory of the disk")
    (folder / "autorun.inf").write_text("a viewer's")
    return n_files + 1
