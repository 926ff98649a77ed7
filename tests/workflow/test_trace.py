"""The exact files behind a cell: records as the real rules would leave them, over a planned run of two subjects."""

import csv
import json
import re

import pytest

from angiolith.audit.lineage import lineage
from angiolith.audit.trace import find_cell
from angiolith.audit.trace_text import trace_text
from angiolith.core.config import plain
from angiolith.core.settings.analyses import Analysis
from angiolith.runtime.records import name_in, read_records
from angiolith.steps import MEASURES
from tests.workflow.planning import BASELINE, FOLLOWUP, Workbench

ANALYSES = {
    "ages": {
        **{"kind": "severity", "table": "patients", "include": [{"column": "severity_grade", "reason": "no CT"}]},
        **{"outcome": "severe", "predictors": ["calcification_volume_mm3", "n_microbleeds"], "models": {"m": ["age"]}},
    },
}
HEADERS = {
    "calcification": "subject\tsession\tstatus\treason\tseverity_grade\tsevere\ttotal_volume_mm3",
    "small_vessel": "subject\tsession\tstatus\treason\twmh_volume_cm3\tn_microbleeds\tn_lacunes",
    "plaque": "subject\tsession\tstatus\treason\tlesion\treader\tartery\tside\tstenosis_percent",
    "calcification_arteries": "subject\tsession\tstatus\tartery\tside\tvolume_mm3\tmean_hu\twoodcock",
    "calcification_lesions": "subject\tsession\tstatus\tlesion\tartery\tside\tvolume_mm3\tmax_hu\tkockelkoren_score"
    "\tspotty\tcounted",
    "change": "subject\tfrom_session\tto_session\tinterval_days\tmeasure\tbaseline\tfollowup\tchange\tchange_per_year",
}
ROWS = {
    "calcification_arteries": "01\t01\tok\tICA\tL\t1\t200\t1",
    "change": "\n".join(
        f"01\t01\t02\t365\t{measure}\t1\t2\t1\t1" for measure in ("wmh_volume_cm3", "fazekas_deep", "n_microbleeds")
    ),
}
MODEL = "model\tpredictor\tadjusted_for\tdata\todds_ratio\n"
TABLES = {
    "cohort/patients.tsv": "subject\tsession\tage\timages_status\tsevere\tseverity_grade\tcalcification_volume_mm3"
    "\twoodcock_ICA\twmh_volume_cm3\tn_microbleeds\twmh_volume_cm3_change\n01\t01\t60\tok\t1\t2\t9\t1\t5\t3\t1\n",
    "cohort/change.tsv": f"{HEADERS['change']}\n{ROWS['change']}\n",
    "cohort/ages_data.tsv": "subject\tsession\tage\n01\t01\t60\n",
    "cohort/ages_associations.tsv": MODEL
    + "univariable\tcalcification_volume_mm3\t\tcomplete cases\t1.5\nm\tn_microbleeds\tage\tcomplete cases\t1.2\n",
}
COMMON = {"collect_metrics", "seal_subject", "check_images"}
TABLE = {"patients.tsv", "change.tsv", "measures.json"}
PERSON = re.compile(r"^sub-\d+_(ses-\d+_)?")
REGISTERED = {"register_mri_to_template", "register_mri_contrasts"}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """The output folder of a run in which every job has left its record; its tables hold a row."""
    bench = Workbench(tmp_path_factory.mktemp("traced") / "bench")
    for subject in ("01", "02"):
        bench.add_session(subject, "01", BASELINE)
        bench.add_session(subject, "02", FOLLOWUP)
    bench.configure(f"analyses: {json.dumps(ANALYSES)}\n")
    root = bench.folder / "out"
    bench.finish()
    jobs: dict[str, dict] = {}
    summary = [line for line in bench.snakemake("--detailed-summary").splitlines() if line.startswith("out")]
    for row in csv.DictReader(summary, delimiter="\t"):
        log = row["log-file(s)"]
        stem = log.removeprefix("out/logs/").removesuffix(".log")
        rule, wildcards = stem.split("/")
        subject = wildcards.split("_")[0]
        keys = {"subject": subject} if subject.isdigit() else {} if wildcards == "cohort" else {"analysis": wildcards}
        record = {"rule": rule, "wildcards": keys, "inputs": {}, "outputs": {}, "params": {"code": "0"}, "versions": {}}
        job = jobs.setdefault(log, record)
        job["outputs"][name_in(root, bench.folder / row["output_file"])] = "1" * 64
        read = [name for name in row["input-file(s)"].split(",") if name not in ("", "-")]
        job["inputs"] |= {name_in(root, bench.folder / name): "2" * 64 for name in read}
    given = plain(Analysis(**ANALYSES["ages"]))
    jobs["out/logs/fit_associations/ages.log"]["params"]["settings"] = {"analysis": given}
    files = {"ages": {"table": "out/cohort/patients.tsv", "data": "out/cohort/ages_data.tsv"}}
    jobs["out/logs/build_attrition/cohort.log"]["params"] |= {"settings": {"analyses": {"ages": given}}, "files": files}
    jobs["out/logs/write_inventory/cohort.log"]["params"]["workdir"] = ".."
    for log, record in jobs.items():
        path = (bench.folder / log).with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    for subject in ("01", "02"):
        path = root / f"audit/subjects/sub-{subject}/measures.json"
        texts = {
            kind: [f"{header}\n{ROWS[kind]}\n" if kind in ROWS else f"{header}\n"] for kind, header in HEADERS.items()
        }
        path.write_text(json.dumps({kind: [] for kind in MEASURES} | texts))
    for name, text in TABLES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def behind(root, address):
    """What a cell of subject 01 comes from: the rules, the jobs' files (without the person), the images' names."""
    found = lineage(root, read_records(root), find_cell(root, address))
    assert not [step.name for step in found.steps if "sub-02" in step.name]
    assert "from files that no job made" in trace_text(found)
    made = {PERSON.sub("", step.name.rsplit("/", 1)[-1]) for step in found.steps if step.record}
    raw = {step.name.rsplit("/", 1)[-1] for step in found.steps if not step.record and "sub-" in step.name}
    return {step.record.rule for step in found.steps if step.record} - COMMON, made - TABLE, raw


def images(session, *names):
    return {f"sub-01_ses-{session}_{name}.nii.gz" for name in names}


CALCIUM_RULES = {"measure_calcification", "segment_calcification", "map_arteries", "check_registration"}
CALCIUM_RULES |= {"register_ct_to_mri", "register_mri_to_template"}
CALCIUM = {
    *("desc-calcification_patient.tsv", "desc-calcification.json", "space-ct_desc-calcification_dseg.nii.gz"),
    *("space-ct_desc-arteries_dseg.nii.gz", "space-ct_desc-arteries_dseg.tsv", "space-ct_desc-centrelines.tsv"),
    *("desc-arteries.json", "desc-registration_qc.json", "from-T1w_to-MNI152_mode-image_xfm.nii.gz"),
    *("from-ct_to-T1w_mode-image_xfm.tfm", "from-ct_to-T1w_mode-image_xfm.json"),
    *("from-T1w_to-MNI152_mode-image_xfm.json", "desc-check_images.json"),
}
DETECTED = {"desc-microbleeds.json", "desc-microbleeds.tsv", "desc-microbleeds_dseg.nii.gz"}
BRAIN = {"space-T1w_desc-brain_mask.nii.gz", "from-MNI152_to-T1w_mode-image_xfm.nii.gz"}
BRAIN |= {"from-T1w_to-MNI152_mode-image_xfm.json", "desc-check_images.json"}


def registered(name):
    return {f"from-{name}_to-T1w_mode-image_xfm.{kind}" for kind in ("tfm", "json")}


def test_a_covariate_leads_to_the_clinical_table_alone(planned):
    assert behind(planned, "patients:01:01:age") == (set(), set(), set())
    assert behind(planned, "ages_data:01:01:age") == ({"build_attrition"}, {"ages_data.tsv"}, set())


def test_volume_of_wmh(planned):
    rules, made, raw = behind(planned, "patients:01:01:wmh_volume_cm3")
    assert rules == {"measure_wmh", "decide_marks", "segment_wmh"} | REGISTERED
    wmh = {"desc-smallvessel_metrics.tsv", "desc-wmh.json", "desc-wmhmarks.json"}
    wmh |= {f"space-FLAIR_desc-{name}.nii.gz" for name in ("wmhmarks_mask", "wmh_mask", "wmh_probseg")}
    brain = {"space-T1w_desc-brain_mask.nii.gz", "desc-check_images.json"}
    assert made == wmh | {"space-FLAIR_desc-tissues_dseg.nii.gz"} | brain | registered("FLAIR")
    assert raw == images("01", "T1w", "FLAIR")


def test_number_of_microbleeds(planned):
    """The CT tells their calcium apart."""
    rules, made, raw = behind(planned, "patients:01:01:n_microbleeds")
    assert rules == {"measure_wmh", "decide_marks", "detect_microbleeds", "register_ct_to_mri"} | REGISTERED
    bleeds = {"desc-smallvessel_metrics.tsv", "desc-microbleedmarks.json", "desc-microbleedmarks.tsv"}
    assert made == bleeds | {"from-ct_to-T1w_mode-image_xfm.tfm"} | DETECTED | BRAIN | registered("swi")
    assert raw == images("01", "T1w", "swi", "ct")


def test_severity_of_calcification(planned):
    rules, made, raw = behind(planned, "patients:01:01:severity_grade")
    assert (rules, made, raw) == (CALCIUM_RULES, CALCIUM, images("01", "T1w", "ct"))
    arteries = CALCIUM - {"desc-calcification_patient.tsv"} | {"desc-calcification_arteries.tsv"}
    assert behind(planned, "patients:01:01:woodcock_ICA") == (rules, arteries, raw)


def test_change_of_wmh(planned):
    rules, made, raw = behind(planned, "change:01:wmh_volume_cm3:change")
    assert rules == {"measure_change"} | REGISTERED
    assert made == {"desc-change_metrics.tsv"} | BRAIN | registered("FLAIR")
    assert raw == images("01", "T1w", "FLAIR") | images("02", "T1w", "FLAIR")
    assert behind(planned, "patients:01:01:wmh_volume_cm3_change") == (rules, made, raw)


def test_change_of_microbleeds(planned):
    """Both visits' SWI are looked at again; the CT told calcium apart when they were counted."""
    rules, made, raw = behind(planned, "change:01:n_microbleeds:change")
    assert rules == {"measure_change", "decide_marks", "detect_microbleeds", "register_ct_to_mri"} | REGISTERED
    counted = {"desc-change_metrics.tsv", "desc-microbleedmarks.json", "desc-microbleedmarks.tsv"}
    assert counted | DETECTED | registered("swi") <= made
    assert not [name for name in made if "lacune" in name]
    assert images("01", "T1w", "swi", "ct") | images("02", "T1w", "swi") <= raw


def test_change_of_a_fazekas_grade_is_that_of_the_visits_own(planned):
    rules, made, raw = behind(planned, "change:01:fazekas_deep:change")
    assert rules == {"measure_change", "measure_wmh", "decide_marks", "segment_wmh"} | REGISTERED
    assert {"desc-change_metrics.tsv", "desc-smallvessel_metrics.tsv", "desc-wmh.json"} <= made
    assert raw == images("01", "T1w", "FLAIR") | images("02", "T1w", "FLAIR")


def test_status_of_the_images(planned):
    rules, made, raw = behind(planned, "patients:01:01:images_status")
    assert (rules, made) == (set(), {"desc-check_images.json"})
    assert raw == images("01", "T1w", "FLAIR", "swi", "ct", "vwi", "ce-gadolinium_vwi")


def test_an_odds_ratio_leads_to_its_own_predictor_and_covariates(planned):
    rules, made, raw = behind(planned, "ages_associations:univariable:odds_ratio")
    analysed = {"fit_associations", "build_attrition"}
    tables = {"ages_data.tsv", "ages_associations.tsv"}
    assert rules == analysed | CALCIUM_RULES
    assert made == CALCIUM | tables
    assert raw == images("01", "T1w", "ct")
    rules, made, raw = behind(planned, "ages_associations:model=m:odds_ratio")
    bleeds = {"desc-smallvessel_metrics.tsv", "desc-microbleedmarks.json", "desc-microbleedmarks.tsv"}
    assert rules == analysed | CALCIUM_RULES | REGISTERED | {"measure_wmh", "decide_marks", "detect_microbleeds"}
    assert made == CALCIUM | tables | bleeds | DETECTED | BRAIN | registered("swi")
    assert raw == images("01", "T1w", "ct", "swi")
