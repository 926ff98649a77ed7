"""Real images through the whole workflow: nothing crashes, and every oddity and missing modality is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from angiolith.core.images import map_points, read_transform
from angiolith.core.tables import read_tsv
from tests.real_data import REAL, ROOT, SKIP_REASON, build_bids
from validation.published_change import agreement

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.xdist_group("real"),
    pytest.mark.skipif(not REAL.is_dir(), reason=SKIP_REASON),
]
BRAIN_POINTS = np.random.default_rng(0).uniform((-55, -70, -40), (55, 60, 50), (300, 3))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    build_bids(folder / "bids")
    (folder / "my.yaml").write_text("bids_dir: bids\noutput_dir: out\n")
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        "-s",
        str(ROOT / "Snakefile"),
        "--configfile",
        "my.yaml",
    ]
    cores = os.environ.get("ANGIOLITH_TEST_CORES", "1")
    done = subprocess.run([*command, "--cores", cores], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "out"


def row_of(out, subject, session="01"):
    table = read_tsv(out / "cohort/patients.tsv")
    return table[(table.subject == subject) & (table.session == session)].iloc[0]


def checks_of(out, subject, session="01"):
    return json.loads(
        (out / f"sub-{subject}/ses-{session}/sub-{subject}_ses-{session}_desc-check_images.json").read_text()
    )


def test_every_session_has_a_row_and_a_picture(out):
    table = read_tsv(out / "cohort/patients.tsv")
    expected = {("tilt", "01"), ("pseudo", "01"), ("long", "01"), ("long", "02"), ("ms07", "01"), ("stroke", "01")}
    assert set(zip(table.subject, table.session, strict=True)) == expected
    for subject, session in expected:
        figures = list((out / f"sub-{subject}/ses-{session}/figures").glob("*.png"))
        assert len(figures) == 11
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures)
    page = (out / "report/index.html").read_text()
    assert all(f"sub-{subject}" in page for subject, _ in expected)


def test_oddities_are_named(out):
    assert "padding of -1500 HU" in checks_of(out, "tilt")["images"]["ct"]["reason"]
    assert "oblique by 18.5 deg" in checks_of(out, "tilt")["images"]["ct"]["reason"]
    for subject in ("ms07", "stroke"):
        assert "brain-extracted" in checks_of(out, subject)["images"]["FLAIR"]["reason"]


def test_missing_modalities_are_named(out):
    metrics = read_tsv(out / "sub-ms07/ses-01/anat/sub-ms07_ses-01_desc-smallvessel_metrics.tsv").iloc[0]
    assert np.isnan(metrics.n_microbleeds)
    assert "T2*" in metrics.reason
    assert np.isnan(row_of(out, "ms07")["calcification_volume_mm3"])
    page = (out / "report/errors.html").read_text()
    assert "no CT" in page
    assert "no FLAIR" in page


def test_ct_alone_goes_to_the_template_and_is_measured(out):
    arteries = read_tsv(out / "sub-tilt/ses-01/ct/sub-tilt_ses-01_desc-calcification_arteries.tsv")
    assert arteries.status.isin(["ok", "review"]).all()
    siphons = arteries[arteries.artery == "ICA"]
    assert (siphons.volume_mm3 == 0).all(), "all calcium of these siphons touches bone: the image does not decide"
    assert siphons.n_candidates.sum() > 0, "the calcified siphons are there to see"
    assert siphons.severity_at_least.any()
    assert siphons.status.eq("review").all(), "a zero beside bone is a lower bound, and says so"


def test_pseudo_ct_registration_error(out):
    truth = json.loads((REAL / "pseudo_ct/truth.json").read_text())
    targets, to_ct = np.array(truth["targets_t1_ras"]), np.linalg.inv(truth["ct_to_t1"])
    transform = read_transform(out / "sub-pseudo/ses-01/ct/sub-pseudo_ses-01_from-ct_to-T1w_mode-image_xfm.tfm")
    error_mm = np.linalg.norm(map_points(transform, targets) - (targets @ to_ct[:3, :3].T + to_ct[:3, 3]), axis=1)
    assert error_mm.mean() < 0.5
    assert error_mm.max() < 1.0


@pytest.mark.parametrize("visit", [1, 2])
def test_flair_to_t1w_agrees_with_the_published_transform(out, visit):
    """The published one is affine, FLAIR points to T1w points; ours maps T1w points to FLAIR points, rigidly."""
    stem = out / f"sub-long/ses-0{visit}/anat/sub-long_ses-0{visit}_from-FLAIR_to-T1w_mode-image_xfm.tfm"
    published = read_transform(REAL / f"ms_longitudinal01/study{visit}_T1W_intrastudy_to_FLAIR.txt")
    there = map_points(published, BRAIN_POINTS)
    back = map_points(read_transform(stem), there)
    assert np.linalg.norm(back - BRAIN_POINTS, axis=1).mean() < 1.5


def test_change_has_rows_for_the_two_visits(out):
    change = read_tsv(out / "sub-long/sub-long_desc-change_metrics.tsv")
    wmh = change[change.measure == "wmh_volume_cm3"].iloc[0]
    assert wmh.status in ("ok", "review")
    assert wmh.interval_days == 356
    assert wmh.change_per_year == pytest.approx(wmh.change / (356 / 365.25), rel=1e-6)


def test_change_lies_where_the_published_change_is_and_has_its_sign(out):
    found = agreement(out)
    assert found["share_grown_found"] > 0.6
    assert found["ppv"] > 0.8
    assert found["share_grown_wrong_sign"] < 0.05
    assert found["net_there_grown_cm3"] > 0.5 * found["published_grown_cm3"]
    assert found["large_pieces_true"] == found["large_pieces"] > 0
