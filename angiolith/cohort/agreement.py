"""Agreement between raters (readers, or a reader and the tool): ICC, kappa, bias and its limits.

ICC(2,1): two-way random effects, absolute agreement, single rating (Shrout and Fleiss 1979; ICC(A,1) of McGraw and Wong
1996), from pingouin. Grade: below 0.40 poor, to 0.75 fair, above good.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.external import category_text
from angiolith.cohort.krippendorff import Level, alpha, alpha_interval
from angiolith.vessel_wall.parts import TOOL

COLUMNS = ["source", "measure", "raters", "n", "method", "estimate", "ci_low", "ci_high", "p", "grade", "note"]
# [number] Fewer pairs give no agreement. Source: definition.
N_MIN = 3
# [number] Resamples of the bootstrap. Source: numerics.
RESAMPLES = 999
# [seed] Seed of the bootstrap. Source: definition.
BOOTSTRAP_SEED = 1971
# [number] Whole numbers with at most this many values are grades, and get a weighted kappa. Source: definition.
LEVELS_MAX = 10


def agreement(source: str, ratings: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Agreement of every measure; a table with the columns `COLUMNS`.

    ratings: measure -> table with one row per rated thing and one column per rater. Numbers: ICC(2,1) over all readers,
    and of each with the tool; then for each pair the bias (second minus first) and the limits of agreement (Bland and
    Altman 1986) with their intervals, the standard error of measurement and the smallest detectable change.
    Whole-number grades: besides, a quadratically weighted kappa of each pair. Text: Cohen's kappa of each pair, and
    Fleiss' kappa of the readers if they are more than two. More than two readers also have Krippendorff's alpha, which
    takes things that a reader left out. From all other statistics these are dropped; n says what remains. NaN with a
    note where there is no statistic.
    """
    rows = []
    for measure, table in ratings.items():
        numeric = all(pd.api.types.is_numeric_dtype(values) for _, values in table.items())
        found = _number_rows(table) if numeric else []
        readers = table[[name for name in table.columns if name != TOOL]]
        if readers.shape[1] > 2:
            found.append({"raters": ", ".join(readers.columns)} | krippendorff_alpha(readers, numeric))
        if not numeric and readers.shape[1] > 2:
            found.append({"raters": ", ".join(readers.columns)} | fleiss_kappa(readers))
        if not numeric or _is_grade(table):
            for first, second in itertools.combinations(table.columns, 2):
                found.append({"raters": f"{first}, {second}"} | kappa(table[first], table[second], weighted=numeric))
        rows += [{"source": source, "measure": measure, **row} for row in found]
    numbers = dict.fromkeys(["estimate", "ci_low", "ci_high", "p"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers)


def krippendorff_alpha(table: pd.DataFrame, numeric: bool) -> dict[str, object]:
    """Krippendorff's alpha of all raters (columns), each of whom may have left things out: a row of `agreement`.

    Text: nominal; whole-number grades: ordinal; other numbers: interval. Interval of the estimate: bootstrap of things.
    """
    level: Level = "nominal" if not numeric else "ordinal" if _is_grade(table) else "interval"
    rated = table[table.notna().sum(axis=1) > 1]
    row: dict[str, object] = {"n": len(rated), "method": f"Krippendorff's alpha, {level}"}
    if len(rated) < N_MIN:
        return row | {"note": f"{len(rated)} things rated by two or more are too few"}
    cells = rated.to_numpy(float) if numeric else rated.map(category_text, na_action="ignore").to_numpy(object)
    known = pd.notna(cells)
    values, codes = np.unique(cells[known].astype(float if numeric else str), return_inverse=True)
    coded = np.full(cells.shape, -1)
    coded[known] = codes
    if len(values) < 2:
        return row | {"note": "all ratings are the same"}
    estimate = alpha(coded, values, level)
    low, high = alpha_interval(coded, values, level)
    return row | {"estimate": estimate, "ci_low": low, "ci_high": high, "grade": grade(estimate)}


def _is_grade(table: pd.DataFrame) -> bool:
    values = table.to_numpy(float)
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool((values == np.round(values)).all()) and len(np.unique(values)) <= LEVELS_MAX


def _number_rows(table: pd.DataFrame) -> list[dict[str, object]]:
    readers = [name for name in table.columns if name != TOOL]
    together = [readers] if len(readers) > 1 else []
    together += [[reader, TOOL] for reader in readers if TOOL in table.columns]
    rows = [{"raters": ", ".join(names)} | icc(table[names]) for names in together]
    for first, second in itertools.combinations(table.columns, 2):
        rows += [{"raters": f"{first}, {second}"} | row for row in bland_altman(table[first], table[second])]
    return rows


def icc(table: pd.DataFrame) -> dict[str, object]:
    """ICC(2,1) over all columns (raters): n, method, estimate, ci_low and ci_high (95 %), p, grade, note."""
    known = table.dropna().reset_index(drop=True)
    row: dict[str, object] = {"n": len(known), "method": "ICC(2,1), absolute agreement, single rating"}
    if len(known) < N_MIN:
        return row | {"note": f"{len(known)} things rated by all are too few"}
    if np.ptp(known.to_numpy(float)) == 0:
        return row | {"note": "all ratings are the same"}
    import pingouin

    pingouin.options.update({"round.column.CI95": None, "round.column.CI95%": None})  # it rounds to two digits
    long = known.melt(ignore_index=False, var_name="rater", value_name="rating").rename_axis("thing").reset_index()
    with np.errstate(all="ignore"):
        forms = pingouin.intraclass_corr(long, targets="thing", raters="rater", ratings="rating")
    found = forms[forms["Type"].isin(["ICC2", "ICC(A,1)"])].iloc[0]
    low, high = found[next(name for name in forms.columns if name.startswith("CI95"))]
    estimate = float(found["ICC"])
    if not np.isfinite(estimate):
        return row | {"note": "the ratings have no variance to divide"}
    return row | {"estimate": estimate, "ci_low": low, "ci_high": high, "p": found["pval"], "grade": grade(estimate)}


def grade(value: float) -> str:
    """Words for an agreement coefficient: poor below 0.40, fair to 0.75, good above."""
    value = round(value, 9)  # 0.4 may come as 0.3999...
    return "poor" if value < 0.40 else "fair" if value <= 0.75 else "good"


def kappa(first: pd.Series, second: pd.Series, weighted: bool) -> dict[str, object]:
    """Cohen's kappa, quadratically weighted by the distance of the grades if `weighted`, with its 95 % interval."""
    known = first.notna() & second.notna()
    row: dict[str, object] = {
        "n": int(known.sum()),
        "method": "quadratically weighted kappa" if weighted else "Cohen's kappa",
    }
    a, b = (values[known].map(float if weighted else category_text) for values in (first, second))
    levels = sorted(set(a) | set(b))
    if known.sum() < N_MIN:
        return row | {"note": f"{int(known.sum())} things rated by both are too few"}
    if len(levels) < 2:
        return row | {"note": "all ratings are the same"}
    from statsmodels.stats.inter_rater import cohens_kappa

    if weighted:  # a grade that nobody gave still takes part in the distances
        levels = list(np.arange(levels[0], levels[-1] + 1))
    counts = pd.crosstab(a, b).reindex(index=levels, columns=levels, fill_value=0)
    result = cohens_kappa(counts.to_numpy(), wt="quadratic" if weighted else None)
    return row | {
        "estimate": float(result.kappa),
        "ci_low": float(result.kappa_low),
        "ci_high": float(min(result.kappa_upp, 1.0)),
        "p": float(result.pvalue_two_sided),
        "grade": grade(float(result.kappa)),
    }


def fleiss_kappa(table: pd.DataFrame) -> dict[str, object]:
    """Fleiss' kappa over all columns (raters) of classes: n, method, estimate, ci_low, ci_high (95 %), p, grade, note.

    Fleiss, Psychol Bull 1971;76:378-82; p: of no agreement beyond chance, by the error of Fleiss, Nee and Landis
    (Psychol Bull 1979;86:974-7); interval: bias-corrected bootstrap of the things.
    """
    known = table.dropna()
    row: dict[str, object] = {"n": len(known), "method": "Fleiss' kappa"}
    if len(known) < N_MIN:
        return row | {"note": f"{len(known)} things rated by all are too few"}
    from statsmodels.stats import inter_rater

    counts, levels = inter_rater.aggregate_raters(known.map(category_text).to_numpy())
    if len(levels) < 2:
        return row | {"note": "all ratings are the same"}
    value = float(inter_rater.fleiss_kappa(counts))
    n, raters = counts.shape[0], table.shape[1]
    share = counts.sum(axis=0) / counts.sum()
    apart = float((share * (1 - share)).sum())
    third = float((share * (1 - share) * (1 - 2 * share)).sum())
    error = np.sqrt(2 * (apart**2 - third)) / (apart * np.sqrt(n * raters * (raters - 1)))
    row |= {"estimate": value, "p": float(2 * stats.norm.sf(abs(value) / error)), "grade": grade(value)}

    def of_things(chosen: np.ndarray) -> float:
        return float(inter_rater.fleiss_kappa(counts[chosen]))

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a bootstrap without spread: then there is no interval
        things = (np.arange(n),)
        drawn = stats.bootstrap(things, of_things, vectorized=False, n_resamples=RESAMPLES, rng=BOOTSTRAP_SEED)
    low, high = drawn.confidence_interval
    return row | ({"ci_low": float(low), "ci_high": float(high)} if np.isfinite([low, high]).all() else {})


def bland_altman(first: pd.Series, second: pd.Series) -> list[dict[str, object]]:
    """Bias (second - first), limits of agreement, standard error of measurement, smallest detectable change; as rows.

    With d the differences and s their SD: bias = mean(d) with t interval; limits = bias -+ 1.96 s, each +- t s
    sqrt(1 / n + 1.96^2 / (2 (n - 1))) (Bland and Altman 1999); SEM = s / sqrt(2); SDC = 1.96 sqrt(2) SEM.
    """
    difference = (second - first).dropna().to_numpy(float)
    n = len(difference)
    names = ("Bland-Altman bias", "Bland-Altman lower limit", "Bland-Altman upper limit")
    if n < N_MIN:
        return [{"n": n, "method": names[0], "note": f"{n} things rated by both are too few"}]
    bias, spread = difference.mean(), difference.std(ddof=1)
    t, z = stats.t.ppf(0.975, n - 1), stats.norm.ppf(0.975)
    error = spread / np.sqrt(n)
    limit_error = spread * np.sqrt(1 / n + z**2 / (2 * (n - 1)))
    p = float(2 * stats.t.sf(abs(bias) / error, n - 1)) if error > 0 else np.nan
    rows = [
        {"method": names[0], "estimate": bias, "ci_low": bias - t * error, "ci_high": bias + t * error, "p": p},
    ]
    for name, limit in zip(names[1:], (bias - z * spread, bias + z * spread), strict=True):
        rows.append(
            {"method": name, "estimate": limit, "ci_low": limit - t * limit_error, "ci_high": limit + t * limit_error}
        )
    sem = spread / np.sqrt(2)
    rows.append({"method": "standard error of measurement", "estimate": sem})
    rows.append({"method": "smallest detectable change", "estimate": z * np.sqrt(2) * sem})
    return [{"n": n, **row} for row in rows]
