"""The finished demo: the output contract, the broken CT, the numbers against the truth, nothing left to do."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from angiolith.core.tables import STATUSES, read_tsv
from validation import compare

ROOT = Path(__file__).parents[2]
RUN = ROOT / "build/demo"
OUT = RUN / "derivatives"
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(not (OUT / "report/index.html").is_file(), reason="the demo has not run: make demo"),
]

CONTRACT = {
    "ct/{}_desc-calcification_lesions.tsv": """subject session lesion artery side volume_mm3 mean_hu max_hu
        agatston_equivalent length_mm arc_deg thickness_mm kockelkoren_score pattern spotty touches_bone status
        reason counted certainty decided_by""",
    "ct/{}_desc-calcification_arteries.tsv": """subject session artery side n_lesions volume_mm3 mean_hu
        agatston_equivalent woodcock status reason n_candidates candidate_volume_mm3""",
    "anat/{}_desc-smallvessel_metrics.tsv": """subject session wmh_volume_cm3 wmh_percent_icv wmh_periventricular_cm3
        wmh_deep_cm3 n_wmh_lesions fazekas_periventricular fazekas_deep fazekas_total n_microbleeds n_lacunes status
        reason""",
    "vwi/{}_desc-plaque_metrics.tsv": """subject session lesion artery side reader lumen_area_mm2 outer_wall_area_mm2
        wall_area_mm2 max_wall_mm min_wall_mm eccentricity_index remodeling_index positive_remodeling stenosis_percent
        reference plaque_length_mm plaque_area_mm2 enhancement_ratio enhancement_grade plaque_class status reason""",
}
CHANGE = """subject from_session to_session interval_days measure baseline followup change change_per_year status
    reason"""
COHORT = {
    "associations": "model term n events estimate odds_ratio ci_low ci_high p method note",
    "correlations": "group measure method n r p q note",
}


def sessions():
    return compare.table(RUN / "truth/sessions.tsv")


@pytest.mark.parametrize("pattern", CONTRACT)
def test_tables_hold_the_contracts_columns(pattern):
    paths = list(OUT.glob(f"sub-*/ses-*/{pattern.format('*')}"))
    assert paths
    for path in paths:
        table = read_tsv(path)
        missing = set(CONTRACT[pattern].split()) - set(table.columns)
        assert not missing, f"{path.name} lacks {missing}"
        assert table.status.isin(STATUSES).all()
        assert table.reason[~table.status.eq("ok")].notna().all(), f"{path.name}: a row that is not ok has no reason"


def test_change_and_cohort_tables_hold_the_contracts_columns():
    for path in OUT.glob("sub-*/*_desc-change_metrics.tsv"):
        assert set(CHANGE.split()) <= set(read_tsv(path).columns)
    for suffix, columns in COHORT.items():
        paths = list((OUT / "cohort").glob(f"*_{suffix}.tsv"))
        assert paths
        assert all(set(columns.split()) <= set(read_tsv(path).columns) for path in paths)
    for name in ("patients", "lesions", "change", "attrition"):
        assert len(read_tsv(OUT / f"cohort/{name}.tsv")) > 0


def test_every_session_is_a_row_of_the_cohort():
    patients = read_tsv(OUT / "cohort/patients.tsv")
    truth = sessions()
    rows, expected = (set(map(tuple, table[["subject", "session"]].to_numpy())) for table in (patients, truth))
    assert rows == expected


def test_the_broken_ct_is_a_row_with_a_reason_and_the_cohort_is_made():
    broken = sessions().query("ct == 'broken'").iloc[0]
    stem = f"sub-{broken.subject}/ses-{broken.session}"
    checks = json.loads((OUT / stem / f"sub-{broken.subject}_ses-{broken.session}_desc-check_images.json").read_text())
    assert checks["images"]["ct"]["status"] == "failed"
    assert "cannot be read as NIfTI" in checks["images"]["ct"]["reason"]
    arteries = read_tsv(OUT / stem / f"ct/sub-{broken.subject}_ses-{broken.session}_desc-calcification_arteries.tsv")
    assert arteries.status.eq("failed").all()
    assert arteries.volume_mm3.isna().all()
    attrition = read_tsv(OUT / "cohort/attrition.tsv")
    left = attrition[attrition.analysis.eq("csvd-images") & attrition.reason.str.contains("severity")]
    assert broken.subject in " ".join(left.excluded_subjects.fillna("").astype(str))


def test_attrition_accounts_for_every_subject():
    attrition = read_tsv(OUT / "cohort/attrition.tsv")
    assert (attrition.n_in - attrition.n_excluded == attrition.n_left).all()
    for _, steps in attrition.groupby("analysis"):
        ordered = steps.sort_values("step")
        assert (ordered.n_in.to_numpy()[1:] == ordered.n_left.to_numpy()[:-1]).all()


def test_registrations_are_right():
    errors = compare.registration_errors(RUN, sessions())
    made = errors.dropna()
    assert len(errors) - len(made) == 1, "the broken CT alone has no transform"
    slab = made.contrast.str.startswith("vwi")
    assert made.error_mm[~slab].max() < 0.6
    assert made.error_mm[slab].max() < 1.5
    assert compare.template_errors(RUN, sessions()).error_mm.max() < 6.0


def test_measures_follow_the_truth():
    """Loose floors that a broken stage falls through; the figures themselves stand in docs/validation.md."""
    pairs, by_artery = compare.calcifications(RUN, sessions())
    everything = by_artery.set_index("artery").loc["all"]
    assert everything.sensitivity > 0.7
    assert everything.ppv > 0.7
    free = pairs[~pairs.found_touches_bone.astype(str).eq("True")]
    assert np.corrcoef(free.true_volume_130hu_mm3, free.found_volume_mm3)[0, 1] > 0.95
    assert compare.dice(RUN, sessions())["dice"].mean() > 0.6
    small = {line["measure"]: line for line in compare.small_vessel_lines(RUN, sessions())}
    assert small["wmh_volume_cm3"]["r"] > 0.9
    plaques = compare.plaque_pairs(RUN).dropna(subset="lumen_area_mm2_found")
    lumen_error = (plaques.lumen_area_mm2_found / plaques.lumen_area_mm2_true - 1).abs()
    wall_error_mm = (plaques.max_wall_mm_found - plaques.max_wall_mm_true).abs()
    assert lumen_error.median() < 0.15
    assert wall_error_mm.median() < 0.2


def test_the_report_is_whole_and_small():
    report = OUT / "report"
    index = (report / "index.html").read_text(encoding="utf-8")
    assert len(index) < 3_000_000
    for _, row in sessions().iterrows():
        stem = f"sub-{row.subject}_ses-{row.session}"
        assert f"sub-{row.subject}.html#{stem}" in index
        assert stem in (report / f"sub-{row.subject}.html").read_text(encoding="utf-8")
        assert len(list(report.glob(f"pictures/{stem}_*_qc.png"))) == 11
        sizes = {
            path.stem.removeprefix(f"{stem}_"): path.stat().st_size for path in report.glob(f"volumes/{stem}_*.js")
        }
        assert sizes["T1w"] > 0
        assert sum(sizes.values()) < 30_000_000
    for subject in sessions().groupby("subject").filter(lambda visits: len(visits) > 1).subject.unique():
        assert (report / f"pictures/sub-{subject}_desc-change_qc.png").stat().st_size > 20_000


def test_a_second_run_has_nothing_to_do():
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "1", "--dry-run"]
    configs = ["--configfile", "demo/studies.yaml", "demo/config.yaml"]
    done = subprocess.run([*command, *configs], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Nothing to be done" in done.stdout + done.stderr
