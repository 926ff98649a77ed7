"""Simulated cohorts of 200 patients in the form of the tables that the images give, for both presets.

    python -m phantoms.preset_tables --out DIR [--seed S]

    vba_lesions.tsv    as cohort/lesions.tsv: 100 culprit and 100 non-culprit plaques, and those whom the criteria of
                       the preset vertebrobasilar-culprit leave out
    csvd_patients.tsv  as cohort/patients.tsv: 95 none or mild, 56 moderate, 49 severe, and patients without a severity
    study_truth.json   the effects that the tables were drawn with

Age, risk factors, calcium, stenosis, WMH, microbleeds and Fazekas grades are those of `phantoms.study_tables`, which
states their model and its sources. What the presets read beside them is set here, without an effect on the outcome.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from phantoms.study_tables import DAYS_PER_YEAR, GROUPS, csvd_patients, truth, vba_lesions

N_CULPRIT, N_NONCULPRIT = 100, 100
N_BY_GROUP = (95, 56, 49)  # of 200, as 60, 35 and 31 are of 126
SESSION = "01"
# Screened and left out: {column: (value, number of patients)}
LEFT_OUT = {
    "artery": ("MCA", 9),
    "large_vessel_occlusion": (1, 6),
    "nonatherosclerotic_disease": (1, 5),
    "cardiac_embolism": (1, 7),
    "stent_or_treatment": (1, 4),
    "poor_image_quality": (1, 8),
    "interval_ct_mri_days": (45, 10),
    "stenosis_percent": (38.5, 14),
}
NO_SEVERITY = {"no ct in this session": 9, "ct: contrast-enhanced, calcium cannot be told from blood": 3}
FRACTION = {"smoking": 0.35, "diabetes": 0.30, "coronary_heart_disease": 0.20}  # not printed by the study
CALCIUM_MM3 = ((25.0, 30.0), (140.0, 90.0), (420.0, 260.0))  # mean, SD by group
LACUNES = (0.4, 1.0, 1.8)  # mean by group
LACUNES_NEW = (0.1, 0.2, 0.4)  # a year
MICROBLEEDS_NEW = (0.2, 0.4, 0.7)
PVS_BASAL_GANGLIA = (7.0, 12.0, 18.0)
PVS_CENTRUM_SEMIOVALE = (12.0, 14.0, 16.0)
PVS_SPREAD = 3.0  # negative binomial: variance = mean + mean^2 / spread
DEEP_FRACTION = 0.4  # of the microbleeds
# The study prints lipids as mmol/l times 18, the factor of glucose; here they are mg/dl
PRINTED_FACTOR = 18.0
LIPID_MIN_MG_DL = 20.0
MG_DL_PER_MMOL_L = {
    "ldl_mg_dl": 38.67,
    "hdl_mg_dl": 38.67,
    "total_cholesterol_mg_dl": 38.67,
    "triglyceride_mg_dl": 88.57,
}
SWI_MISSING, FOLLOW_UP_MISSING = 0.06, 0.15


def preset_lesions(seed: int) -> pd.DataFrame:
    """One plaque per patient, with the columns of cohort/lesions.tsv that the preset reads."""
    rng = np.random.default_rng([seed, 3])
    n_left_out = sum(number for _, number in LEFT_OUT.values())
    analysed = _as_lesions(vba_lesions(seed, N_CULPRIT, N_NONCULPRIT), rng)
    half = n_left_out // 2
    others = _as_lesions(vba_lesions(seed + 1, half, n_left_out - half), rng)
    first = 0
    for column, (value, number) in LEFT_OUT.items():
        others.loc[first : first + number - 1, column] = value
        first += number
    table = pd.concat([analysed, others]).sample(frac=1, random_state=rng).reset_index(drop=True)
    return _with_keys(table, "V", lesion=1)


def _as_lesions(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n, calcified = len(drawn), drawn["any_calcification"] == 1
    table = drawn.drop(columns=["patient_id", "group", "plaque_site", "calcification_pattern", "spotty"])
    table["culprit"] = drawn["group"].map({"culprit": "culprit", "nonculprit": "non-culprit"})
    table["artery"] = drawn["plaque_site"].map({"basilar": "BA", "vertebral": "VA"})
    table["calcium_pattern"] = drawn["calcification_pattern"].where(calcified)
    table["n_spotty_calcium"] = drawn["spotty"]
    table = table.rename(
        columns={"calcification_volume_mm3": "calcium_volume_mm3", "calcification_mean_hu": "calcium_mean_hu"}
    )
    for name, factor in MG_DL_PER_MMOL_L.items():
        table[name] = (table[name] * factor / PRINTED_FACTOR).round(1).clip(lower=LIPID_MIN_MG_DL)
    partial = np.where(rng.random(n) < 0.6, "partially calcified", "calcified")
    table["plaque_class"] = np.where(calcified, partial, "non-calcified")
    table["lumen_area_mm2"] = table[["lumen_area_mm2_reader1", "lumen_area_mm2_reader2"]].mean(axis=1).round(3)
    table["max_wall_mm"] = table[["max_wall_mm_reader1", "max_wall_mm_reader2"]].mean(axis=1).round(3)
    table["min_wall_mm"] = (table["max_wall_mm"] * rng.uniform(0.25, 0.6, n)).round(3)
    table["eccentricity_index"] = (1 - table["min_wall_mm"] / table["max_wall_mm"]).round(3)
    table["outer_wall_area_mm2"] = (table["lumen_area_mm2"] + rng.gamma(9.0, 1.6, n)).round(2)
    table["remodeling_index"] = rng.normal(1.04, 0.14, n).round(3)
    table["plaque_length_mm"] = rng.gamma(6.0, 1.5, n).round(2)
    table["plaque_area_mm2"] = (table["outer_wall_area_mm2"] - table["lumen_area_mm2"]).round(2)
    table["enhancement_grade"] = drawn["enhancement_grade_reader1"]
    table["interval_ct_mri_days"] = rng.integers(0, 29, n)
    for column in LEFT_OUT:
        if column not in table:
            table[column] = 0
    return table.assign(plaque_reason=None, culprit_reason=None)


def preset_patients(seed: int) -> pd.DataFrame:
    """One row per patient, with the columns of cohort/patients.tsv that the preset reads."""
    rng = np.random.default_rng([seed, 4])
    table = _as_patients(csvd_patients(seed, N_BY_GROUP), rng).assign(calcification_reason=None)
    missing = _as_patients(csvd_patients(seed + 1, (sum(NO_SEVERITY.values()), 0, 0)), rng)
    of_ct = [name for name in missing if name.startswith(("severity", "woodcock", "calcification"))]
    missing = missing.assign(**dict.fromkeys(of_ct, None))
    missing["calcification_reason"] = [why for why, number in NO_SEVERITY.items() for _ in range(number)]
    table = pd.concat([table, missing]).sample(frac=1, random_state=rng).reset_index(drop=True)
    return _with_keys(table, "C")


def _as_patients(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(drawn)
    group = drawn["severity_group"].map({name: rank for rank, name in enumerate(GROUPS)}).to_numpy(int)
    table = drawn.drop(columns=["patient_id", "baseline_date", "followup_date"])
    days = pd.to_datetime(drawn["followup_date"]) - pd.to_datetime(drawn["baseline_date"])
    table["interval_days"] = days.dt.days
    years = table["interval_days"].to_numpy(float) / DAYS_PER_YEAR
    table["severity_grade"] = drawn[[name for name in drawn if name.startswith("woodcock_")]].max(axis=1)
    for name, share in FRACTION.items():
        table[name] = (rng.random(n) < share).astype(int)
    mean, sd = np.array(CALCIUM_MM3)[group].T
    volume = rng.gamma((mean / sd) ** 2, sd**2 / mean)
    table["calcification_volume_mm3"] = np.where(table["severity_grade"] > 0, volume, 0.0).round(2)
    grade = drawn["fazekas_total"].to_numpy(int)  # of six steps three are periventricular
    table["fazekas_periventricular"] = rng.hypergeometric(3, 3, grade)
    table["fazekas_deep"] = grade - table["fazekas_periventricular"]
    table["n_lacunes"] = rng.poisson(np.array(LACUNES)[group])
    for name, means in (("basal_ganglia", PVS_BASAL_GANGLIA), ("centrum_semiovale", PVS_CENTRUM_SEMIOVALE)):
        expected = np.array(means)[group]
        table[f"pvs_{name}_count"] = rng.negative_binomial(PVS_SPREAD, PVS_SPREAD / (PVS_SPREAD + expected))
    table["svd_score"] = _svd_score(table, rng.binomial(table["n_microbleeds"], DEEP_FRACTION))
    table["n_lacunes_followup"] = table["n_lacunes"] + rng.poisson(np.array(LACUNES_NEW)[group] * years)
    table["n_microbleeds_followup"] = table["n_microbleeds"] + rng.poisson(np.array(MICROBLEEDS_NEW)[group] * years)
    without_swi = rng.random(n) < SWI_MISSING
    table.loc[without_swi, ["n_microbleeds", "n_microbleeds_followup", "svd_score"]] = np.nan
    markers = ("wmh_volume_cm3", "fazekas_total", "n_microbleeds", "n_lacunes")
    followed = rng.random(n) >= FOLLOW_UP_MISSING
    for name in markers:
        table[f"{name}_baseline"] = table[name].where(followed)
        table[f"{name}_followup"] = table[f"{name}_followup"].where(followed)
    return table


def _svd_score(table: pd.DataFrame, deep_microbleeds: np.ndarray) -> pd.Series:
    """Total SVD score (Staals 2014): a point each for WMH, lacunes, deep microbleeds, perivascular spaces over ten."""
    wmh = (table["fazekas_periventricular"] == 3) | (table["fazekas_deep"] >= 2)
    spaces = table["pvs_basal_ganglia_count"] > 10
    return wmh.astype(int) + (table["n_lacunes"] > 0) + (deep_microbleeds > 0) + spaces


def _with_keys(table: pd.DataFrame, letter: str, **more: object) -> pd.DataFrame:
    subjects = [f"{letter}{number:03d}" for number in range(1, len(table) + 1)]
    keys = {"subject": subjects, "session": SESSION} | more
    return table.assign(**keys)[[*keys, *table.columns]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the simulated cohorts of both presets and their truth.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draws")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tables = {"vba_lesions": preset_lesions(arguments.seed), "csvd_patients": preset_patients(arguments.seed)}
    for name, table in tables.items():
        table.to_csv(arguments.out / f"{name}.tsv", sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    text = json.dumps(truth() | {"seed": arguments.seed}, indent=2) + "\n"
    (arguments.out / "study_truth.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
