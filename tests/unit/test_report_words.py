"""What the report calls things, what it says of an analysis in one sentence, and its first page in five."""

import numpy as np
import pandas as pd

from angiolith.core.settings.analyses import Analysis
from angiolith.report.analyses import Printed
from angiolith.report.findings import finding
from angiolith.report.first_page import sentences
from angiolith.report.names import with_powers
from angiolith.report.texts import read_texts

TEXTS = read_texts()
LABELS = {"age": "Age, years", "artery": "Artery"}


def test_powers_leave_other_numbers_alone():
    assert with_powers("12 cm3, mm2, CM3, kg/m2, fit2") == "12 cm³, mm², CM3, kg/m², fit2"


def test_numbers_are_told_from_sentences_that_begin_with_one():
    rows = [["6 pairs are too few", "0.70 (0.61 to 0.77)", "<0.001", "3.4 [1, 2]"]]
    assert Printed(list("abcd"), rows, list("abcd"), [""]).numeric == [False, True, True, True]


def association(model, term, ratio):
    return {"model": model, "predictor": "age", "term": term, "data": "complete cases", "n": 50, "event": "case"} | {
        "odds_ratio": ratio, "estimate": np.log(ratio), "ci_low": ratio / 2, "ci_high": ratio * 2, "p": 0.0004,
    }  # fmt: skip


def test_finding_is_the_first_predictor_in_the_primary_model_not_the_strongest():
    settings = Analysis(kind="lesion", table="lesions", outcome="group", event="case", predictors=["age", "artery"],
                        models={"one": ["artery"], "two": ["one"]}, labels=LABELS, primary="one")  # fmt: skip
    table = pd.DataFrame([association("univariable", "age", 9.0), association("one", "age", 1.5)])
    text = finding(settings, {"associations": table}, lambda name: LABELS.get(name, name), TEXTS["cohort"]["findings"])
    assert text == "Age, years (outcome: case): odds ratio 1.50 (95 % CI 0.75 to 3.00; p <0.001) in one, n = 50."


def test_finding_is_empty_where_nothing_was_estimated():
    settings = Analysis(kind="severity", table="patients", markers=["x"], severity="s")
    table = pd.DataFrame([{"group": "overall", "measure": "x", "method": "spearman", "n": 2, "r": np.nan}])
    assert finding(settings, {"correlations": table}, str, TEXTS["cohort"]["findings"]) == ""


def test_first_page_counts_subjects_once_and_names_no_measure_that_nobody_has():
    patients = pd.DataFrame(
        {"subject": ["1", "1", "2"], "session": ["a", "b", "a"], "wmh_volume_cm3": [4.0, 9.0, 2.0],
         "n_microbleeds": [1, 5, 0], "n_lacunes": [np.nan, np.nan, 2]}
    )  # fmt: skip
    found = sentences([], patients, [], TEXTS)
    assert found == [
        "White matter hyperintensities were measured in 2: median volume 3.00 cm³ [2.50, 3.50]; "
        "microbleeds in 1 / 2 subjects, lacunes in 1 / 1."
    ]
