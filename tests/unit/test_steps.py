"""The table of steps: every rule of a session is in it, and what is derived from it is what the outputs are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from angiolith.audit.files import results_that_must_stay, seal_file, sealed_inputs
from angiolith.core.config import Config
from angiolith.core.manifest import Row
from angiolith.core.study import Study
from angiolith.pictures.step import DRAWN
from angiolith.small_vessel.location.lobes import MEASURES as OF_WMH
from angiolith.small_vessel.wmh.step import OF_REGIONS
from angiolith.steps import MEASURES, PICTURES, STEPS, behind

RULES = Path(__file__).parents[2] / "rules"
BASELINE = {"ct": "a_ct.nii.gz", "T1w": "a_T1w.nii.gz", "FLAIR": "a_FLAIR.nii.gz", "swi": "a_swi.nii.gz"}


@dataclass
class Labels:
    """Wildcards of a job."""

    subject: str
    session: str = ""
    reference: str = ""
    contrast: str = ""

    def get(self, key: str, default: str = "") -> str:
        return str(getattr(self, key)) or default


def study(tmp_path: Path, *rows: Row) -> Study:
    return Study(Config(output_dir=str(tmp_path / "out")), rows, Path("bids"), "resources", STEPS)


def test_every_rule_of_subjects_is_a_step():
    text = "\n".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.smk"))
    assert set(re.findall(r"inputs_of\(\"(\w+)\"\)", text)) == set(STEPS)


def test_rules_hold_no_functions():
    """Logic stands in typed modules, where it is tested; what talks to Snakemake's graph has files of its own."""
    for path in sorted(RULES.glob("*.smk")):
        if path.name not in ("common.smk", "seals.smk"):
            assert not re.findall(r"^\s*(?:def|class|import|from|if|for) ", path.read_text(encoding="utf-8"), re.M), (
                path
            )


def test_measures_and_pictures_that_the_cohort_knows():
    assert MEASURES == {
        "checks": "desc-check_images.json",
        "calcification": "desc-calcification_patient.tsv",
        "calcification_arteries": "desc-calcification_arteries.tsv",
        "calcification_lesions": "desc-calcification_lesions.tsv",
        "acute": "desc-acute_metrics.tsv",
        "microbleed_marks": "desc-microbleedmarks.tsv",
        "lacune_marks": "desc-lacunemarks.tsv",
        "wmh_marks": "desc-wmhmarks.tsv",
        "infarct_marks": "desc-infarctmarks.tsv",
        "perivascular_marks": "desc-perivascular.tsv",
        "small_vessel": "desc-smallvessel_metrics.tsv",
        "plaque": "desc-plaque_metrics.tsv",
        "change": "desc-change_metrics.tsv",
    }
    assert list(PICTURES) == [*DRAWN, "change"]
    assert PICTURES["registration"].takes_out == ("calcification", "small vessel")


def test_a_column_that_two_markers_could_claim_is_the_first_ones():
    assert list(behind("measure_wmh")) == [
        *("n_microbleeds_", "microbleed", "n_lacunes_", "lacune"),
        *("pvs|perivascular", "brain_|ventricle_|sulcal_", OF_REGIONS, "n_infarct", "wmh|fazekas", "icv"),
    ]
    assert all(re.match(OF_REGIONS, name) for name in OF_WMH)
    assert not re.match(OF_REGIONS, "wmh_deep_cm3")
    assert behind("detect_lacunes") == {}


def test_inputs_of_a_session_that_lacks_images_are_empty(tmp_path):
    one = study(tmp_path, Row("01", "a", {"FLAIR": "f_FLAIR.nii.gz"}))
    found = one.inputs_of("detect_lacunes")(Labels("01", "a"))
    assert found["FLAIR"] == "bids/f_FLAIR.nii.gz"
    assert found["T1w"] == []
    assert found["FLAIR_to_reference"] == []  # it is the reference itself
    stem = f"{tmp_path}/out/sub-01/ses-a"
    assert found["checks"] == f"{stem}/sub-01_ses-a_desc-check_images.json"
    assert found["brain"] == f"{stem}/anat/sub-01_ses-a_space-FLAIR_desc-brain_mask.nii.gz"
    measured = one.inputs_of("measure_wmh")(Labels("01", "a"))
    assert measured["microbleed_facts"] == []
    assert measured["lacune_facts"] == f"{stem}/anat/sub-01_ses-a_desc-lacunemarks.json"


def test_acute_lesions_are_looked_for_where_there_is_a_dwi(tmp_path):
    without = study(tmp_path, Row("01", "a", BASELINE))
    assert not STEPS["detect_acute"].runs_for(without.sessions_of("01")[0])
    for rule in ("segment_wmh", "detect_lacunes"):
        assert not {"acute", "dwi_to_reference"} & set(without.inputs_of(rule)(Labels("01", "a")))
    given = BASELINE | {"dwi": "a_dwi.nii.gz", "adc": "a_ADC.nii.gz"}
    found = study(tmp_path, Row("01", "a", given))
    stem = f"{tmp_path}/out/sub-01/ses-a"
    for rule in ("segment_wmh", "detect_lacunes"):
        inputs = found.inputs_of(rule)(Labels("01", "a"))
        assert inputs["acute"] == f"{stem}/dwi/sub-01_ses-a_desc-acute_dseg.nii.gz"
        assert inputs["dwi_to_reference"] == f"{stem}/anat/sub-01_ses-a_from-dwi_to-T1w_mode-image_xfm.tfm"
    by_reader = study(tmp_path, Row("01", "a", given | {"lesion": "a_lesion.nii.gz"}))  # whose mask decides alone
    assert "acute" not in by_reader.inputs_of("segment_wmh")(Labels("01", "a"))
    assert by_reader.inputs_of("detect_acute")(Labels("01", "a"))["lesion"] == "bids/a_lesion.nii.gz"
    assert not STEPS["detect_acute"].runs_for(study(tmp_path, Row("01", "a", {"dwi": "d.nii.gz"})).sessions_of("01")[0])


def test_the_reference_in_a_name_is_the_one_that_is_read(tmp_path):
    found = study(tmp_path, Row("01", "a", BASELINE)).inputs_of("register_mri_contrasts")(
        Labels("01", "a", reference="T1w", contrast="swi")
    )
    assert (found["fixed"], found["moving"]) == ("bids/a_T1w.nii.gz", "bids/a_swi.nii.gz")


@pytest.mark.parametrize("rule", [rule for rule, step in STEPS.items() if not step.of_visits])
def test_outputs_and_inputs_of_every_step_can_be_named(tmp_path, rule):
    one = study(tmp_path, Row("01", "a", BASELINE))
    for pattern in one.outputs_of(rule).values():
        assert pattern.startswith(f"{tmp_path}/out/sub-{{subject}}/ses-{{session}}/")
    assert one.inputs_of(rule)(Labels("01", "a", "T1w", "FLAIR"))


def test_a_sealed_subject_consists_of_what_its_steps_made(tmp_path):
    rows = (
        Row("01", "a", BASELINE | {"visit_number": "1"}),
        Row("01", "b", {"T1w": "b_T1w.nii.gz", "visit_number": "2"}),
    )
    one = study(tmp_path, *rows)
    found = sealed_inputs(one, "01")
    assert set(found) == {*MEASURES, "results", "images"}
    assert found["images"] == [f"bids/{name}" for name in (*BASELINE.values(), "b_T1w.nii.gz")]
    assert found["plaque"] == []
    assert len(found["change"]) == 1


def test_results_are_asked_for_where_a_seal_is_on_disk(tmp_path):
    one = study(tmp_path, Row("01", "a", BASELINE), Row("02", "a", BASELINE))
    assert results_that_must_stay(one, frozenset()) == []
    seal = Path(seal_file(one, "02"))
    seal.parent.mkdir(parents=True)
    seal.touch()
    found = results_that_must_stay(one, frozenset())
    assert found
    assert all("sub-02" in path for path in found)
    assert results_that_must_stay(one, frozenset({"02"})) == []
