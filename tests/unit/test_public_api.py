"""The public interface on small simulated images of known truth; its page, stub and docstrings agree with it."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import angiolith
from angiolith import api
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.tables import USABLE
from tests.unit import test_vessel_wall_metrics as vessel
from tests.unit.calcified_tube import Plaque, draw, grid_affine
from tests.unit.test_registration import in_brain, pair  # noqa: F401
from tests.unit.test_small_vessel_wmh import LESIONS, dice, head
from tests.unit.test_template import moved  # noqa: F401

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")


def test_names_of_package_stub_and_page_are_those_of_the_interface():
    assert sorted(angiolith.PUBLIC) == sorted(api.__all__)
    stub = (ROOT / "angiolith/__init__.pyi").read_text(encoding="utf-8")
    assert sorted(re.findall(r" as (\w+)$", stub, flags=re.MULTILINE)) == sorted(api.__all__)
    assert [name for name in api.__all__ if f"`{name}" not in PAGE] == []
    with pytest.raises(AttributeError, match="no attribute 'segment_wmb'"):
        _ = angiolith.segment_wmb


def test_nothing_is_loaded_before_it_is_asked_for():
    code = "import angiolith, sys; print('angiolith.api' in sys.modules, 'SimpleITK' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_function_says_what_it_takes_and_returns():
    for name in api.__all__:
        if callable(found := getattr(api, name)) and not isinstance(found, type) and found.__module__ == api.__name__:
            assert all(f"{part}\n    {'-' * len(part)}\n" in found.__doc__ for part in ("Parameters", "Returns")), name


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(api).failed == 0
    assert doctest.testmod(api).attempted > 0


def test_the_example_of_the_page_runs(capsys):
    drawn: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], drawn)
    status, artery, volume, *_ = capsys.readouterr().out.split()
    assert (status, artery) == ("ok", "BA")
    assert float(volume) == pytest.approx(drawn["plaque"].sum() * 0.45 * 0.45 * 0.8, abs=0.05)


def test_calcification_of_a_known_plaque():
    plaque = Plaque(1.2, 1.6, 200, 5)
    affine = grid_affine((0.45, 0.45, 0.8), (60, 60, 34), 8.0)
    shape = (60, 60, 34)
    ct = angiolith.Image(draw([plaque], np.eye(3), 1.6, affine, shape, noise_hu=4).astype(np.float32), affine)
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    lumen = np.hypot(points[..., 0], points[..., 1]) < 1.6
    arteries = angiolith.Image(lumen.astype(np.uint8), affine)
    found = angiolith.segment_calcification(ct, arteries, {1: "basilar artery"})
    (lesion,) = found.lesions.to_dict("records")
    assert (found.status, lesion["artery"], found.patient["worst_artery"]) == ("ok", "BA", "BA")
    assert lesion["arc_deg"] == pytest.approx(plaque.arc_deg, abs=30)
    assert lesion["length_mm"] == pytest.approx(plaque.length_mm, abs=1.6)
    assert lesion["volume_half_max_mm3"] == pytest.approx(plaque.volume_mm3, rel=0.2)
    nowhere = angiolith.segment_calcification(ct, arteries, {1: "spleen"})
    assert (nowhere.status, len(nowhere.lesions)) == ("failed", 0)
    assert "no known arteries" in nowhere.reason


def test_ct_and_mri_are_registered_and_carried(pair):  # noqa: F811
    mri, ct, pose = pair
    found = angiolith.register_ct_to_mri(ct, mri)
    assert found.status == "ok"
    points = np.argwhere(in_brain(mri, np.eye(4)))[::5000] @ mri.affine[:3, :3].T + mri.affine[:3, 3]
    error = (points @ (found.mri_to_ct - pose)[:3, :3].T) + (found.mri_to_ct - pose)[:3, 3]
    assert np.linalg.norm(error, axis=1).mean() < 1.0
    there = angiolith.carry(ct, mri, found.mri_to_ct)
    assert there.data.shape == mri.data.shape
    assert np.median(there.data[in_brain(mri, np.eye(4))]) == pytest.approx(
        np.median(ct.data[in_brain(ct, np.linalg.inv(pose))]), abs=3
    )


def test_the_brain_is_found(moved):  # noqa: F811
    subject, _, _ = moved
    assert "850 to 2000 cm3 are possible" in angiolith.find_brain(subject).reason
    found = angiolith.find_brain(subject, limits=BrainSettings(volume_cm3_max=2200))
    assert found.status in USABLE  # tissues of an averaged head, inverted, match the template poorly
    assert dice(found.mask, subject.data > 0) > 0.95
    assert {name: prior.shape for name, prior in found.priors.items()} == dict.fromkeys(
        ("wm", "gm", "ventricles"), subject.data.shape
    )


def test_hyperintensities_of_known_volume():
    case = head(LESIONS, (1.2, 1.2, 3.0))
    found = angiolith.segment_wmh(case.flair, case.brain, case.tissues)
    assert dice(found.mask.data, case.truth) > 0.75
    measures = angiolith.measure_wmh(found.mask, found.tissues.data == 3, 1000.0)
    assert measures["wmh_volume_cm3"] == pytest.approx(case.volume_cm3, rel=0.35)
    low, high = found.volume_interval_cm3
    assert low <= measures["wmh_volume_cm3"] <= high
    assert measures["wmh_percent_icv"] == pytest.approx(measures["wmh_volume_cm3"] / 10)


def test_a_plaque_of_known_stenosis():
    labels = vessel.drawn_vessel(seed=1)
    (row,) = angiolith.measure_plaque(vessel.vessel_wall_image(labels), labels).to_dict("records")
    assert row["stenosis_percent"] == pytest.approx(50, abs=5)
    assert row["outer_wall_area_mm2"] == pytest.approx(np.pi * vessel.OUTER_MM**2, rel=0.03)
    assert row["status"] == "ok"
