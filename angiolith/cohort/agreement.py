"""Agreement between raters (readers, or a reader and the tool): ICC by the design, kappa, bias and its limits.

ICC(2,1) by default: two-way random effects, absolute agreement, single rating (Shrout and Fleiss 1979; ICC(A,1) of
McGraw and Wong 1996), from pingouin. Grade: below 0.40 poor, to 0.75 fair, above good.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.bland_altman import N_MIN, bland_altman, bland_altman_repeated, learning
from angiolith.cohort.external import category_text
from angiolith.cohort.krippendorff import Level, alpha, alpha_interval
from angiolith.core.settings.analyses import AgreementDesign
from angiolith.vessel_wall.parts import TOOL

COLUMNS = ["source", "measure", "raters", "n", "method", "estimate", "ci_low", "ci_high", "p", "grade", "note"]
# [number] Resamples of the bootstrap. Source: numerics.
RESAMPLES = 999
# [seed] Seed of the bootstrap. Source: definition.
BOOTSTRAP_SEED = 1971
# [number] Whole numbers with at most this many values are grades, and get a weighted kappa. Source: definition.
LEVELS_MAX = 10
# Forms of the ICC by the readers' role: their name here, and in pingouin by the single rating and by the mean of all.
FORMS = {
    "random": ("2", "absolute agreement", ("ICC(A,1)", "ICC2"), ("ICC(A,k)", "ICC2k")),
    "fixed": ("3", "consistency", ("ICC(C,1)", "ICC3"), ("ICC(C,k)", "ICC3k")),
    "nested": ("1", "readers nested in things", ("ICC(1,1)", "ICC1"), ("ICC(1,k)", "ICC1k")),
}


def agreement(
    source: str,
    ratings: Mapping[str, pd.DataFrame],
    design: AgreementDesign | None = None,
    things: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Agreement of every measure; a table with the columns `COLUMNS`.

    Numbers: ICC over all readers, and of each with the tool. Then for each pair the bias (second minus first) and the
    limits of agreement (Bland and Altman 1986) with their intervals, the standard error of measurement and the smallest
    detectable change. Where there are such, limits for several rows of a subject and the course of learning follow.
    Whole-number grades: besides, a quadratically weighted kappa of each pair. Text: Cohen's kappa of each pair, and
    Fleiss' kappa of the readers if they are more than two. More than two readers also have Krippendorff's alpha, which
    takes things that a reader left out. From all other statistics these are dropped; n says what remains. NaN with a
    note where there is no statistic.

    Parameters
    ----------
    source : str
        Where the ratings come from.
    ratings : Mapping[str, pd.DataFrame]
        Measure -> table with one row per rated thing and one column per rater.
    design : AgreementDesign | None
        Role of the readers and order of their readings; None for readers at random.
    things : pd.DataFrame | None
        What is known of the rated things, or None.

    Returns
    -------
    pd.DataFrame
        One row per statistic.
    """
    rows = []
    chosen = design or AgreementDesign()
    for measure, table in ratings.items():
        numeric = all(pd.api.types.is_numeric_dtype(values) for _, values in table.items())
        known = (
            things.loc[table.index] if things is not None else table.index.to_frame(index=False).set_axis(table.index)
        )
        found = _number_rows(table, chosen, known) if numeric else []
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

    Parameters
    ----------
    table : pd.DataFrame
        One row per rated thing, one column per rater.
    numeric : bool
        Whether the ratings are numbers.

    Returns
    -------
    dict[str, object]
        Column -> value.
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


def _number_rows(table: pd.DataFrame, design: AgreementDesign, things: pd.DataFrame) -> list[dict[str, object]]:
    readers = [name for name in table.columns if name != TOOL]
    together = [readers] if len(readers) > 1 else []
    together += [[reader, TOOL] for reader in readers if TOOL in table.columns]
    means = (False, True) if design.mean_is_used else (False,)
    rows = [
        {"raters": ", ".join(names)} | icc(table[names], design.readers, mean) for names in together for mean in means
    ]
    for first, second in itertools.combinations(table.columns, 2):
        pair = table[first], table[second]
        of_pair = bland_altman(*pair)
        if "subject" in things:
            of_pair += bland_altman_repeated(*pair, things["subject"])
        if design.order:
            of_pair += learning(*pair, things[design.order])
        rows += [{"raters": f"{first}, {second}"} | row for row in of_pair]
    return rows


def icc(table: pd.DataFrame, readers: str = "random", mean: bool = False) -> dict[str, object]:
    """ICC over all columns (raters): n, method, estimate, ci_low and ci_high (95 %), p, grade, note.

    readers: a key of `FORMS`; mean: of the mean of all raters instead of a single rating.

    Parameters
    ----------
    table : DataFrame
        A column per rater; rows that any left out are dropped.
    readers : str
        A key of `FORMS`.
    mean : bool
        Whether the mean of all raters is what is used.

    Returns
    -------
    dict
        A row of `agreement`.
    """
    known = table.dropna().reset_index(drop=True)
    number, what, single, average = FORMS[readers]
    form = f"ICC({number},{'k' if mean else '1'}), {what}, {'mean of the ratings' if mean else 'single rating'}"
    row: dict[str, object] = {"n": len(known), "method": form}
    if len(known) < N_MIN:
        return row | {"note": f"{len(known)} things rated by all are too few"}
    if np.ptp(known.to_numpy(float)) == 0:
        return row | {"note": "all ratings are the same"}
    import pingouin

    pingouin.options.update({"round.column.CI95": None, "round.column.CI95%": None})  # it rounds to two digits
    long = known.melt(ignore_index=False, var_name="rater", value_name="rating").rename_axis("thing").reset_index()
    with np.errstate(all="ignore"):
        forms = pingouin.intraclass_corr(long, targets="thing", raters="rater", ratings="rating")
    found = forms[forms["Type"].isin(average if mean else single)].iloc[0]
    low, high = found[next(name for name in forms.columns if name.startswith("CI95"))]
    estimate = float(found["ICC"])
    if not np.isfinite(estimate):
        return row | {"note": "the ratings have no variance to divide"}
    return row | {"estimate": estimate, "ci_low": low, "ci_high": high, "p": found["pval"], "grade": grade(estimate)}


def grade(value: float) -> str:
    """Words for an agreement coefficient: poor below 0.40, fair to 0.75, good above.

    Parameters
    ----------
    value : float
        An ICC or a kappa.

    Returns
    -------
    str
        poor, fair or good.
    """
    value = round(value, 9)  # 0.4 may come as 0.3999...
    return "poor" if value < 0.40 else "fair" if value <= 0.75 else "good"


def kappa(first: pd.Series, second: pd.Series, weighted: bool) -> dict[str, object]:
    """Cohen's kappa, quadratically weighted by the distance of the grades if `weighted`, with its 95 % interval.

    Parameters
    ----------
    first : pd.Series
        Ratings of the same things, by one index.
    second : pd.Series
        Ratings of the same things, by one index.
    weighted : bool
        Whether distances of grades count.

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
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

    Parameters
    ----------
    table : pd.DataFrame
        One row per rated thing, one column per rater.

    Returns
    -------
    dict[str, object]
        Column -> value.
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
    proportion = counts.sum(axis=0) / counts.sum()
    apart = float((proportion * (1 - proportion)).sum())
    third = float((proportion * (1 - proportion) * (1 - 2 * proportion)).sum())
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
