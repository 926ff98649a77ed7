"""Two study tables drawn from a stated model, with its true effects beside them.

They stand in for measurements; `phantoms.preset_tables` gives them the columns that the presets read. Marginal figures
are those printed by the two studies named below; the effects are set here, so that an analysis of the tables can be
judged by the truth.

vba_lesions (intracranial vertebrobasilar plaques; 124 culprit and 120 non-culprit lesions, one per patient)
    Covariates are independent draws with the study's pooled means, SDs and shares (smoking, diabetes, hs-CRP and the
    plaque's own features are not printed there and are set here). A lesion of the source population is a culprit with
    logit p = a + sum of log(OR) x over `VBA_ODDS_RATIOS`, every other covariate having no effect; cases and controls
    are then drawn to their numbers, which changes a alone. Two readers measure x + e with independent normal errors, so
    that ICC(2,1) = var(x) / (var(x) + var(e)); a reader gives the true enhancement grade with probability 0.9.
csvd_patients (60 none or mild, 35 moderate, 31 severe calcification; two visits about a year apart)
    Given its group, a patient's markers are independent: WMH volume and its yearly growth are gamma, microbleeds
    binomial, with the printed means and SDs by group; sex, hypertension and hyperlipidaemia have the printed counts.
    Fazekas growth is binomial with the printed means (the printed SD of 0.2 at a mean of 0.5 cannot occur with whole
    grades), stopped at grade 6. The worst artery's grade is the group's (none or mild: 0 or 1, moderate 2, severe 3);
    which artery is worst is drawn 60 : 25 : 15 for ICA, MCA, BA, and each other one has a binomial share of that grade.

The truth of a correlation with the severity score s (0, 1, 2) is cov(s, m) / sqrt(var(s) (within + between variance)).
That of the follow-up model is the linear projection of follow-up on baseline and s; both follow from the group figures.

Sources: Chinese J CT and MRI, vertebrobasilar calcification on vessel-wall MRI and CT, 244 patients; ibid. 2025;23(2),
intracranial calcification and small vessel disease, 126 patients.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

VBA_ODDS_RATIOS = {
    "calcification_pattern[intimal]": 1.6,  # against a plaque without calcium
    "calcification_pattern[iel]": 0.4,
    "stenosis_percent": 1.5,  # per 10 percentage points
    "hs_crp_mg_l": 1.15,  # per mg/l
    "bmi_kg_m2": 1.08,  # per kg/m2
}
VBA_STEP = {"stenosis_percent": 10.0}
VBA_MEAN_SD = {
    "age_years": (61.9, 8.11),
    "bmi_kg_m2": (26.24, 2.50),
    "ldl_mg_dl": (41.44, 13.04),
    "hdl_mg_dl": (20.19, 4.93),
    "total_cholesterol_mg_dl": (70.03, 18.00),
    "triglyceride_mg_dl": (26.09, 11.05),
    "hs_crp_mg_l": (2.60, 2.00),
}
VBA_FRACTION = {
    "male": 170 / 244,
    "smoking": 0.42,
    "diabetes": 0.36,
    "hypertension": 223 / 244,
    "hyperlipidemia": 95 / 244,
    "coronary_heart_disease": 65 / 244,
    "cholesterol_lowering_drug": 134 / 244,
    "antiplatelet_drug": 116 / 244,
}
SKEWED = ("triglyceride_mg_dl", "hs_crp_mg_l")
PATTERNS = ("none", "intimal", "iel")
PATTERN_FRACTION = (128 / 244, 0.25, 116 / 244 - 0.25)  # 116 of 244 hold calcium
READ_TWICE = {"lumen_area_mm2": (3.4, 1.3, 0.45), "max_wall_mm": (2.2, 0.6, 0.30)}  # mean, SD, SD of a reader's error
GRADE_AGREES = 0.9
HS_CRP_MISSING = 0.05

GROUPS = ("none_or_mild", "moderate", "severe")
CSVD_N = (60, 35, 31)
CSVD_AGE = ((62.5, 8.3), (64.2, 8.7), (66.1, 9.0))
CSVD_COUNTS = {"male": (32, 20, 19), "hypertension": (25, 18, 20), "hyperlipidemia": (18, 10, 13)}
WMH_CM3 = ((7.2, 3.3), (13.4, 5.2), (18.6, 7.5))
WMH_GROWTH_CM3_PER_YEAR = ((2.2, 1.1), (3.4, 2.1), (3.6, 2.3))
MICROBLEEDS = ((1.5, 0.7), (3.8, 1.4), (6.21, 2.1))
FAZEKAS_FRACTION = (0.20, 0.35, 0.50)  # of the largest sum, 6
FAZEKAS_GROWTH_PER_YEAR = (0.5, 0.9, 1.5)
ARTERIES = ("ICA", "MCA", "BA")
WORST_ARTERY_FRACTION = (0.60, 0.25, 0.15)
DAYS_PER_YEAR = 365.25


def _lognormal(rng: np.random.Generator, mean: float, sd: float, n: int) -> np.ndarray:
    spread = np.log1p((sd / mean) ** 2)
    return rng.lognormal(np.log(mean) - spread / 2, np.sqrt(spread), n)


def _gamma(rng: np.random.Generator, mean_sd: tuple[float, float], n: int) -> np.ndarray:
    mean, sd = mean_sd
    return rng.gamma((mean / sd) ** 2, sd**2 / mean, n)


def _binomial_like(mean_sd: tuple[float, float]) -> tuple[int, float]:
    """The binomial n and p whose mean is exact and whose variance is nearest to the one given."""
    mean, sd = mean_sd
    trials = max(round(mean / (1 - sd**2 / mean)), int(np.ceil(mean)))
    return trials, mean / trials


def vba_population(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Lesions of the source population, before any is called culprit."""
    table = pd.DataFrame(index=range(n))
    for name, (mean, sd) in VBA_MEAN_SD.items():
        table[name] = _lognormal(rng, mean, sd, n) if name in SKEWED else rng.normal(mean, sd, n).clip(mean - 2.9 * sd)
    for name, share in VBA_FRACTION.items():
        table[name] = (rng.random(n) < share).astype(int)
    table["plaque_site"] = np.where(rng.random(n) < 128 / 244, "basilar", "vertebral")
    table["stenosis_percent"] = 50 + 45 * rng.beta(1.6, 2.4, n)
    pattern = rng.choice(PATTERNS, n, p=PATTERN_FRACTION)
    calcified = pattern != "none"
    table["calcification_pattern"] = pattern
    table["any_calcification"] = calcified.astype(int)
    table["calcification_volume_mm3"] = np.where(calcified, _lognormal(rng, 14.0, 12.0, n), 0.0)
    table["calcification_mean_hu"] = np.where(calcified, 130 + rng.gamma(4.0, 55.0, n), np.nan)
    table["spotty"] = np.where(pattern == "intimal", rng.random(n) < 0.6, False).astype(int)
    return table


def vba_lesions(seed: int, n_culprit: int = 124, n_nonculprit: int = 120) -> pd.DataFrame:
    """The lesion table; see the module's head. Values are rounded as a reader would write them."""
    rng = np.random.default_rng([seed, 1])
    table = vba_population(rng, 6 * (n_culprit + n_nonculprit)).round(
        dict.fromkeys((*VBA_MEAN_SD, "stenosis_percent", "calcification_volume_mm3", "calcification_mean_hu"), 1)
    )
    logit = np.full(len(table), 0.0)
    for term, odds_ratio in VBA_ODDS_RATIOS.items():
        name, _, level = term.rstrip("]").partition("[")
        value = (table[name] == level) if level else (table[name] - table[name].mean()) / VBA_STEP.get(name, 1.0)
        logit += np.log(odds_ratio) * value.to_numpy(float)
    culprit = rng.random(len(table)) < 1 / (1 + np.exp(-logit))
    drawn = pd.concat([table[culprit].head(n_culprit), table[~culprit].head(n_nonculprit)])
    drawn.insert(0, "group", ["culprit"] * n_culprit + ["nonculprit"] * n_nonculprit)
    for name, (mean, sd, error) in READ_TWICE.items():
        true = _lognormal(rng, mean, sd, len(drawn))
        for reader in ("reader1", "reader2"):
            drawn[f"{name}_{reader}"] = (true + rng.normal(0, error, len(drawn))).round(3)
    grade = rng.integers(0, 3, len(drawn))
    for reader in ("reader1", "reader2"):
        other = (grade + rng.integers(1, 3, len(drawn))) % 3
        drawn[f"enhancement_grade_{reader}"] = np.where(rng.random(len(drawn)) < GRADE_AGREES, grade, other)
    drawn.loc[rng.random(len(drawn)) < HS_CRP_MISSING, "hs_crp_mg_l"] = np.nan
    drawn = drawn.sample(frac=1, random_state=rng).reset_index(drop=True)
    drawn.insert(0, "patient_id", [f"V{number:0{len(str(len(drawn)))}d}" for number in range(1, len(drawn) + 1)])
    return drawn


def _artery_grades(rng: np.random.Generator, worst: np.ndarray) -> dict[str, np.ndarray]:
    grades = rng.binomial(worst[:, None], 0.5, (len(worst), len(ARTERIES)))
    grades[np.arange(len(worst)), rng.choice(len(ARTERIES), len(worst), p=WORST_ARTERY_FRACTION)] = worst
    return {f"woodcock_{artery}": grades[:, at] for at, artery in enumerate(ARTERIES)}


def _csvd_group(rng: np.random.Generator, rank: int, n: int) -> pd.DataFrame:
    table = pd.DataFrame({"severity_group": [GROUPS[rank]] * n})
    table["age_years"] = rng.normal(*CSVD_AGE[rank], n).round().astype(int)
    for name, counts in CSVD_COUNTS.items():
        table[name] = rng.permutation(np.arange(n) < round(counts[rank] * n / CSVD_N[rank])).astype(int)
    worst = rng.integers(0, 2, n) if rank == 0 else np.full(n, rank + 1)
    table = table.assign(**_artery_grades(rng, worst))
    first_day = pd.Timestamp("2022-01-03") + pd.to_timedelta(rng.integers(0, 500, n), unit="D")
    days = rng.normal(DAYS_PER_YEAR, 15, n).round().clip(300, 430)
    years = days / DAYS_PER_YEAR
    table["baseline_date"] = first_day.strftime("%Y-%m-%d")
    table["followup_date"] = (first_day + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d")
    table["wmh_volume_cm3"] = _gamma(rng, WMH_CM3[rank], n)
    table["wmh_volume_cm3_followup"] = table["wmh_volume_cm3"] + years * _gamma(rng, WMH_GROWTH_CM3_PER_YEAR[rank], n)
    table["n_microbleeds"] = rng.binomial(*_binomial_like(MICROBLEEDS[rank]), n)
    table["fazekas_total"] = rng.binomial(6, FAZEKAS_FRACTION[rank], n)
    growth = rng.binomial(3, FAZEKAS_GROWTH_PER_YEAR[rank] / 3, n)
    table["fazekas_total_followup"] = (table["fazekas_total"] + growth).clip(upper=6)
    return table.round({"wmh_volume_cm3": 3, "wmh_volume_cm3_followup": 3})


def csvd_patients(seed: int, numbers: tuple[int, int, int] = CSVD_N) -> pd.DataFrame:
    """The patient table; see the module's head."""
    rng = np.random.default_rng([seed, 2])
    table = pd.concat([_csvd_group(rng, rank, n) for rank, n in enumerate(numbers)])
    table = table.sample(frac=1, random_state=rng).reset_index(drop=True)
    table.insert(0, "patient_id", [f"C{number:0{len(str(len(table)))}d}" for number in range(1, len(table) + 1)])
    return table


def _moments(groups: tuple[tuple[float, float], ...]) -> tuple[float, float, float]:
    """Of a marker given by group (mean, SD): covariance with the severity score, variance, variance of the score."""
    weight, score = np.array(CSVD_N) / sum(CSVD_N), np.arange(3.0)
    mean, sd = np.array(groups).T
    centred = score - weight @ score
    between = mean - weight @ mean
    return float(weight @ (centred * between)), float(weight @ (sd**2 + between**2)), float(weight @ centred**2)


def _pearson(groups: tuple[tuple[float, float], ...]) -> float:
    covariance, variance, score_variance = _moments(groups)
    return covariance / np.sqrt(variance * score_variance)


def _follow_up_slope() -> float:
    """Difference in WMH volume at follow-up per step of severity, at the same baseline, over one year, cm3."""
    weight = np.array(CSVD_N) / sum(CSVD_N)
    baseline, growth = np.array(WMH_CM3)[:, 0], np.array(WMH_GROWTH_CM3_PER_YEAR)[:, 0]
    with_score, variance, score_variance = _moments(WMH_CM3)
    growth_score, _, _ = _moments(WMH_GROWTH_CM3_PER_YEAR)
    growth_baseline = float(weight @ ((baseline - weight @ baseline) * (growth - weight @ growth)))
    slopes = np.linalg.solve([[score_variance, with_score], [with_score, variance]], [growth_score, growth_baseline])
    return float(slopes[0])


def truth() -> dict:
    """The true effects behind the tables."""
    microbleeds = []
    for group in MICROBLEEDS:
        trials, share = _binomial_like(group)
        microbleeds.append((trials * share, float(np.sqrt(trials * share * (1 - share)))))
    return {
        "vba_lesions": {
            "odds_ratios": VBA_ODDS_RATIOS,
            "odds_ratio_per": VBA_STEP,
            "odds_ratio_of_every_other_covariate": 1.0,
            "icc": {name: sd**2 / (sd**2 + error**2) for name, (_, sd, error) in READ_TWICE.items()},
        },
        "csvd_patients": {
            "groups": dict(zip(GROUPS, CSVD_N, strict=True)),
            "pearson_with_severity": {
                "wmh_volume_cm3": _pearson(WMH_CM3),
                "wmh_volume_cm3_change_per_year": _pearson(WMH_GROWTH_CM3_PER_YEAR),
                "n_microbleeds": _pearson(tuple(microbleeds)),
            },
            "wmh_followup_cm3_per_severity_step": _follow_up_slope(),
            "mean_by_group": {
                "wmh_volume_cm3": [mean for mean, _ in WMH_CM3],
                "wmh_volume_cm3_change_per_year": [mean for mean, _ in WMH_GROWTH_CM3_PER_YEAR],
                "n_microbleeds": [mean for mean, _ in microbleeds],
            },
        },
    }
