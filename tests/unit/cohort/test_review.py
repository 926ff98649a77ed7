"""A reader's verdicts: what is refused, what a failed picture takes out, and that the attrition says so."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.external import StudyTableError
from angiolith.cohort.review import judged, judged_changes, picture_keys, read_review, without_calcium
from angiolith.core.config import Analysis, plain
from angiolith.core.settings.burden import BurdenSettings
from angiolith.core.tables import read_tsv, write_json, write_tsv
from scripts.build_attrition import main as build_attrition
from scripts.collect_metrics import main as collect_metrics
from scripts.seal_subject import bundle

PAIRS = {"01": ["01", "02"]}
MANIFEST = pd.DataFrame(
    {
        "subject": ["01", "01", "02"],
        "session": ["01", "02", "01"],
        "acq_time": ["2024-01-01", "2025-01-01", "2024-02-01"],
        "ct_acq_time": None,
        "ct": ["ct", None, "ct"],
        "FLAIR": ["f", "f", "f"],
        "vwi": ["v", None, None],
    }
)
GOOD = ["01", "01", "wmh", "fail", "AB", "motion"]


def review(path, *rows, columns=("subject", "session", "picture", "verdict", "reviewer", "note")):
    write_tsv(pd.DataFrame(rows, columns=list(columns)), path)
    return path


def test_every_picture_of_an_image_that_is_there_can_be_judged():
    keys = picture_keys(MANIFEST, PAIRS)
    assert {picture for subject, session, picture in keys if (subject, session) == ("01", "01")} == {
        *("registration", "calcification", "wmh", "wall")
    }
    assert {picture for subject, session, picture in keys if (subject, session) == ("01", "02")} == {
        *("registration", "wmh", "change")
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["03", "01", "wmh", "fail", "", ""], "row 3: there is no picture 'wmh' of sub-03 ses-01; no such subject"),
        (["02", "01", "whm", "fail", "", ""], "row 3: .*; did you mean 'wmh'\\?; correct the row or delete it"),
        (["02", "01", "wall", "fail", "", ""], "row 3: there is no picture 'wall' of sub-02"),
        (["02", "01", "wmh", "bad", "", ""], "row 3, verdict: 'bad'; write one of pass, doubtful, fail"),
        (GOOD, "row 3: the picture 'wmh' of sub-01 ses-01 stands in row 2 already"),
    ],
)
def test_what_cannot_be_is_refused_by_row_with_the_remedy(tmp_path, row, message):
    path = review(tmp_path / "review.tsv", GOOD, row)
    with pytest.raises(StudyTableError, match=f"review.tsv, {message}"):
        read_review(path, picture_keys(MANIFEST, PAIRS))


def test_other_columns_are_refused_and_a_missing_file_named(tmp_path):
    path = review(tmp_path / "review.tsv", GOOD, columns=("subject", "session", "picture", "verdict", "who", "note"))
    with pytest.raises(StudyTableError, match="the columns must be subject, session, picture"):
        read_review(path, picture_keys(MANIFEST, PAIRS))
    with pytest.raises(StudyTableError, match="save it on the report's review page"):
        read_review(tmp_path / "none.tsv", set())


def test_labels_may_have_their_prefix(tmp_path):
    path = review(tmp_path / "review.tsv", ["sub-01", "ses-01", *GOOD[2:]])
    assert read_review(path, picture_keys(MANIFEST, PAIRS)).loc[0, ["subject", "session"]].tolist() == ["01", "01"]


def rows_of(*rows):
    return pd.DataFrame(rows, columns=["subject", "session", "picture", "verdict", "reviewer", "note"])


def test_fail_empties_the_measures_doubt_marks_them_and_pass_changes_nothing():
    table = pd.DataFrame(
        {
            "subject": ["01", "02", "03"],
            "session": "01",
            "wmh_volume_cm3": [1.0, 2.0, 3.0],
            "status": "ok",
            "reason": None,
        }
    )
    verdicts = rows_of(GOOD, ["02", "01", "wmh", "doubtful", "", ""], ["03", "01", "wmh", "pass", "", "fine"])
    after = judged(table, verdicts, "small vessel")
    assert after["wmh_volume_cm3"].isna().tolist() == [True, False, False]
    assert after["status"].tolist() == ["failed", "review", "ok"]
    assert after["reason"].tolist()[:2] == ["failed in review by AB (wmh): motion", "doubtful in review (wmh)"]
    pd.testing.assert_frame_equal(judged(table, verdicts, "calcification"), table, check_dtype=False)


def test_a_failed_registration_takes_out_what_comes_through_it():
    table = pd.DataFrame({"subject": ["01"], "session": "01", "x": [1.0], "status": "ok", "reason": None})
    verdicts = rows_of(["01", "01", "registration", "fail", "", ""])
    emptied = {what: judged(table, verdicts, what)["x"].isna().all() for what in ("calcification", "small vessel")}
    assert emptied == {"calcification": True, "small vessel": True}
    assert not judged(table, verdicts, "vessel wall")["x"].isna().any()  # drawn and measured on its own image


def test_a_failed_calcification_takes_the_calcium_out_of_the_plaques_and_nothing_else():
    plaques = pd.DataFrame({"subject": ["01"], "session": "01", "lesion": 1, "stenosis_percent": 61.0})
    plaques = plaques.assign(calcium_percent=12.0, plaque_class="partially calcified", status="ok", reason=None)
    after = without_calcium(plaques, rows_of(["01", "01", "calcification", "fail", "", ""])).iloc[0]
    assert np.isnan(after["calcium_percent"])
    assert pd.isna(after["plaque_class"])
    assert (after["stenosis_percent"], after["status"]) == (61.0, "review")
    same = without_calcium(plaques, rows_of(["01", "01", "wall", "fail", "", ""])).iloc[0]
    assert same["calcium_percent"] == 12.0


def test_a_visit_or_the_pair_takes_the_change_out():
    change = pd.DataFrame(
        {
            "subject": "01",
            "from_session": "01",
            "to_session": "02",
            "interval_days": 366,
            "measure": ["wmh_volume_cm3", "calcification_volume_mm3"],
            "change": [1.0, 2.0],
            "status": "ok",
            "reason": None,
        }
    )

    def left(*row):
        return judged_changes(change, rows_of(list(row)))["change"].notna().tolist()

    assert left("01", "02", "wmh", "fail", "", "") == [False, True]
    assert left("01", "01", "wmh", "fail", "", "") == [False, True]
    assert left("01", "01", "calcification", "fail", "", "") == [True, False]
    assert left("01", "01", "registration", "fail", "", "") == [False, False]
    assert left("01", "02", "change", "fail", "", "") == [False, True]
    assert left("01", "02", "wmh", "pass", "", "") == [True, True]


class Given(dict):
    """Inputs as Snakemake gives them: by key and by attribute."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def cohort(tmp_path):
    """Six subjects measured, collected with and without a review."""
    subjects = [f"{at:02d}" for at in range(1, 7)]
    manifest = pd.DataFrame(
        {"subject": subjects, "session": "01", "acq_time": "2024-01-01", "ct_acq_time": "2024-01-02"}
    )
    write_tsv(manifest.assign(ct="ct", FLAIR="f", vwi=None), tmp_path / "manifest.tsv")
    keys = {"session": ["01"], "status": ["ok"], "reason": [None]}
    paths = {name: [] for name in ("calcification", "calcification_arteries", "calcification_lesions", "small_vessel")}
    for at, subject in enumerate(subjects):
        mine = {"subject": [subject]} | keys
        made = {
            "calcification": {
                "severity_group": ["severe"],
                "severity_grade": [2.0 + at],
                "total_volume_mm3": [200.0 + at],
            },
            "calcification_arteries": {
                "artery": ["ICA"],
                "side": ["L"],
                "volume_mm3": [9.0],
                "mean_hu": [300.0],
                "woodcock": [2],
            },
            "calcification_lesions": {
                "lesion": [1],
                "artery": ["ICA"],
                "side": ["L"],
                "volume_mm3": [9.0],
                "max_hu": [400.0],
                "kockelkoren_score": [3.0],
                "spotty": [False],
                "counted": [True],
            },
            "small_vessel": {"wmh_volume_cm3": [1.0 + at], "n_microbleeds": [at]},
        }
        for name, columns in made.items():
            path = tmp_path / f"{subject}_{name}.tsv"
            write_tsv(pd.DataFrame(mine | columns), path)
            paths[name].append(path)

    def collect(verdicts=None):
        out = tmp_path / ("reviewed" if verdicts else "plain")
        out.mkdir(exist_ok=True)
        write_json(bundle(paths), tmp_path / "measures.json")
        given = Given(manifest=tmp_path / "manifest.tsv", measures=[tmp_path / "measures.json"], review=verdicts or [])
        names = ("patients", "lesions", "change", "ratings", "marks", "clinical", "burden")
        settings = {
            "subjects": None,
            "vessel_wall": {"culprit": {"culprit_stenosis_percent_min": 50.0, "ct_mri_days_max": 28.0}},
            "burden": plain(BurdenSettings()),
        }
        params = SimpleNamespace(settings=settings, pairs={})
        output = SimpleNamespace(**{name: out / f"{name}.tsv" for name in names})
        collect_metrics(SimpleNamespace(input=given, output=output, params=params))
        return out

    return SimpleNamespace(collect=collect, folder=tmp_path)


def test_the_failed_subject_leaves_the_analyses_that_use_the_picture_with_the_readers_words(cohort):
    path = review(
        cohort.folder / "review.tsv",
        ["02", "01", "wmh", "fail", "AB", "motion"],
        ["03", "01", "calcification", "fail", "", ""],
    )
    out = cohort.collect(path)
    patients = read_tsv(out / "patients.tsv").set_index("subject")
    assert np.isnan(patients.loc["02", "wmh_volume_cm3"])
    assert patients.loc["02", "calcification_volume_mm3"] == 201.0
    assert set(patients.loc["02", "review_removed"].split(",")) == {"wmh_volume_cm3", "n_microbleeds"}
    assert patients.loc["02", "smallvessel_reason"] == "failed in review by AB (wmh): motion"
    assert "woodcock_ICA" in patients.loc["03", "review_removed"].split(",")

    analyses = {
        "wmh": Analysis(kind="severity", table="patients", severity="severity_grade", markers=["wmh_volume_cm3"]),
        "ct": Analysis(
            kind="severity", table="patients", group="severity_group", describe=["calcification_volume_mm3"]
        ),
    }
    names = list(analyses)
    files = {
        name: {"table": out / "patients.tsv", "data": out / f"{name}_data.tsv", "flow": out / f"{name}_flow.svg"}
        for name in names
    }
    settings = {"analyses": {name: analysis.model_dump(mode="json") for name, analysis in analyses.items()}}
    output = SimpleNamespace(attrition=out / "attrition.tsv", doubts=out / "doubts.tsv", missing=out / "missing.tsv")
    params = SimpleNamespace(settings=settings, files=files)
    build_attrition(SimpleNamespace(input=Given(), params=params, output=output))
    attrition = read_tsv(output.attrition, dtype={"excluded_subjects": str})
    gone = attrition.dropna(subset=["excluded_subjects"]).set_index(["analysis", "reason"])["excluded_subjects"]
    assert gone["wmh", "failed in review by AB (wmh): motion"] == "02"
    assert gone["wmh", "failed in review (calcification)"] == "03"
    assert gone["ct"].to_dict() == {"failed in review (calcification)": "03"}  # the WMH picture is none of its business


def test_without_a_review_the_tables_are_as_before(cohort):
    out = cohort.collect()
    assert "review_removed" not in read_tsv(out / "patients.tsv").columns
