"""Characteristics by group: numbers and counts per group, the test that the rule chooses, the standardised difference.

Rule for numbers (`auto`): if Shapiro-Wilk rejects normality (p < 0.05) in any group, a rank test (Mann-Whitney U for
two groups, Kruskal-Wallis for more); else, if Brown-Forsythe rejects equal variances (p < 0.05), Welch's t test or
Welch's ANOVA; else Student's t test or one-way ANOVA. Rule for counts (`auto`): Pearson's chi-square without continuity
correction if at least 80 % of the expected counts reach 5 and all reach 1 (Cochran 1954), else Fisher's exact test (for
tables larger than 2 x 2 its Freeman-Halton extension by Monte Carlo, 20,000 tables, fixed seed). Two-sided throughout.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.enough import GROUP_MIN
from angiolith.cohort.plausibility import DOUBTFUL
from angiolith.cohort.variables import is_number, is_yes_no, levels_of

# [1] Level of the tests that choose a test. Source: definition.
ALPHA = 0.05
# [1] Quartiles and median. Source: definition.
QUARTILES = (0.25, 0.5, 0.75)
# [number] Expected count of a cell that is not sparse . Source: Cochran 1954.
EXPECTED_MIN = 5
# [1] ... in at least this fraction of the cells, for Pearson's chi-square. Source: Cochran 1954.
EXPECTED_FRACTION_MIN = 0.8
# [number] More values are too many for Shapiro-Wilk's p. Source: Royston 1995.
SHAPIRO_N_MAX = 5000
# [number] Random tables of Fisher's test beyond 2 x 2. Source: numerics.
MONTE_CARLO_TABLES = 20_000
ALL = "all"
COLUMNS = [
    "variable",
    "level",
    "group",
    "n",
    "missing",
    "does_not_apply",
    "doubtful",
    "mean",
    "sd",
    "median",
    "q1",
    "q3",
    "count",
    "percent",
    "test",
    "statistic",
    "p",
    "standardised_difference",
    "note",
]


@dataclass(frozen=True)
class Comparison:
    """Result of a test; p is NaN, with a note, where the data do not allow one."""

    name: str
    statistic: float
    p: float
    note: str = ""


def describe(
    table: pd.DataFrame,
    variables: Sequence[str],
    group: str,
    group_levels: Sequence[str] = (),
    number_test: str = "auto",
    count_test: str = "auto",
    applies: Mapping[str, pd.Series] | None = None,
) -> pd.DataFrame:
    """Characteristics of `variables` by `group`: a long table with the columns `COLUMNS`.

    applies: variable -> whether it can have a value in a row at all (density needs calcium); default: it can.

    One row per variable, level and group (`all` first); `level` is missing for numbers, and a yes/no variable has the
    level 1 only. n: rows with a value; missing: rows without one that could have one; does_not_apply: rows that cannot
    have one; doubtful: values that `plausibility` doubts (named in the table's column of that name); percent: of n. The
    test, its p and the standardised
    difference belong to the variable and stand in each of its rows. Rows without a group count under `all` only.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    variables : Sequence[str]
        Columns to describe.
    group : str
        Column of the groups.
    group_levels : Sequence[str]
        Order of the groups.
    number_test : str
        Test of numbers, as in `compare_numbers`.
    count_test : str
        Test of counts, as in `compare_counts`.
    applies : Mapping[str, pd.Series] | None
        Variable -> whether a row can have a value; None for all.

    Returns
    -------
    pd.DataFrame
        One row per variable, level and group.
    """
    names = levels_of(table[group], group_levels)
    rows: list[dict[str, Any]] = []
    for variable in variables:
        values = table[variable]
        does_not_apply = _does_not_apply(table, variable, applies or {})
        doubtful = _doubted(table, variable)
        by_group = {ALL: values} | {name: values[table[group] == name] for name in names}
        samples = [by_group[name].dropna() for name in names]
        if is_number(values) and not is_yes_no(values):
            test = compare_numbers([sample.to_numpy(float) for sample in samples], number_test)
            difference = numbers_difference([sample.to_numpy(float) for sample in samples])
            found = [{"variable": variable, "group": name, **_number_summary(part)} for name, part in by_group.items()]
        else:
            levels = levels_of(values)
            counts = np.array([[int((sample == level).sum()) for level in levels] for sample in samples], int)
            counts = counts.reshape(len(samples), len(levels))  # where no row is left there is neither
            test = compare_counts(counts, count_test)
            difference = counts_difference(counts)
            shown = [1.0] if is_yes_no(values) else levels
            found = [
                {"variable": variable, "level": _level_text(level), "group": name, **_count_summary(part, level)}
                for level in shown
                for name, part in by_group.items()
            ]
        for row in found:
            inside = by_group[row["group"]].index
            row["does_not_apply"] = int(does_not_apply[inside].sum())
            row["missing"] = len(inside) - row["n"] - int(does_not_apply[inside].sum())
            row["doubtful"] = int(doubtful[inside].sum())
        shared = {"test": test.name, "statistic": test.statistic, "p": test.p, "note": test.note}
        rows += [row | shared | {"standardised_difference": difference} for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _does_not_apply(table: pd.DataFrame, variable: str, applies: Mapping[str, pd.Series]) -> pd.Series:
    """By row whether the variable has no value because it cannot have one."""
    if variable not in applies:
        return pd.Series(False, index=table.index)
    return table[variable].isna() & ~applies[variable].reindex(table.index).astype(bool)


def _doubted(table: pd.DataFrame, variable: str) -> pd.Series:
    """By row whether the value was found hard to believe."""
    if DOUBTFUL not in table:
        return pd.Series(False, index=table.index)
    named = table[DOUBTFUL].map(lambda names: variable in str(names).split(", "))
    return named & table[variable].notna()


def _level_text(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def _number_summary(values: pd.Series) -> dict[str, float]:
    known = values.dropna()
    q1, median, q3 = known.quantile(list(QUARTILES)) if len(known) else (np.nan,) * 3
    return {
        "n": len(known),
        "mean": known.mean(),
        "sd": known.std(ddof=1),
        "median": median,
        "q1": q1,
        "q3": q3,
    }


def _count_summary(values: pd.Series, level: object) -> dict[str, float]:
    known = values.dropna()
    count = int((known == level).sum())
    return {
        "n": len(known),
        "count": count,
        "percent": 100 * count / len(known) if len(known) else np.nan,
    }


def compare_numbers(samples: Sequence[np.ndarray], choice: str = "auto") -> Comparison:
    """Test of numbers across two or more groups.

    Parameters
    ----------
    samples : Sequence[np.ndarray]
        One array per group, without NaN.
    choice : str
        Auto (the rule in the module's head), student (t test or ANOVA with equal variances), welch,
        rank.

    Returns
    -------
    Comparison
        Name of the test, statistic, p and note.
    """
    if len(samples) < 2:
        return Comparison("", np.nan, np.nan, "one group only")
    if min(map(len, samples)) < GROUP_MIN:
        return Comparison("", np.nan, np.nan, f"a group has fewer than {GROUP_MIN} values")
    if np.ptp(np.concatenate(samples)) == 0:
        return Comparison("", np.nan, np.nan, "all values are the same")
    if choice == "auto":
        choice = _choice_for_numbers(samples)
    if choice == "rank":
        if len(samples) == 2:
            return _comparison("Mann-Whitney U", stats.mannwhitneyu(*samples))
        return _comparison("Kruskal-Wallis", stats.kruskal(*samples))
    if all(np.ptp(sample) == 0 for sample in samples):
        return Comparison("", np.nan, np.nan, "no spread within the groups")
    if len(samples) == 2:
        result = stats.ttest_ind(*samples, equal_var=choice == "student")
        return Comparison(
            "Student's t" if choice == "student" else "Welch's t", float(result.statistic), float(result.pvalue)
        )
    if choice == "student":
        return _comparison("one-way ANOVA", stats.f_oneway(*samples))
    if any(np.ptp(sample) == 0 for sample in samples):
        return Comparison("", np.nan, np.nan, "Welch's ANOVA needs spread in every group")
    from statsmodels.stats.oneway import anova_oneway

    return _comparison("Welch's ANOVA", anova_oneway(list(samples), use_var="unequal", welch_correction=True))


def _comparison(name: str, result: Any) -> Comparison:
    return Comparison(name, float(result.statistic), float(result.pvalue))


def _choice_for_numbers(samples: Sequence[np.ndarray]) -> str:
    for sample in samples:
        if np.ptp(sample) == 0 or (len(sample) <= SHAPIRO_N_MAX and stats.shapiro(sample).pvalue < ALPHA):
            return "rank"
    return "welch" if stats.levene(*samples, center="median").pvalue < ALPHA else "student"


def compare_counts(counts: np.ndarray, choice: str = "auto") -> Comparison:
    """Test of a table of counts (groups x levels).

    Parameters
    ----------
    counts : np.ndarray
        Counts (groups, levels).
    choice : str
        Auto (the rule in the module's head), chi-square, fisher.

    Returns
    -------
    Comparison
        Name of the test, statistic, p and note.
    """
    counts = np.asarray(counts)
    if counts.shape[0] < 2:
        return Comparison("", np.nan, np.nan, "one group only")
    if (counts.sum(axis=1) == 0).any():
        return Comparison("", np.nan, np.nan, "a group has no values")
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return Comparison("", np.nan, np.nan, "all values are the same")
    expected = stats.contingency.expected_freq(counts)
    if choice == "auto":
        choice = (
            "chi-square"
            if (expected >= EXPECTED_MIN).mean() >= EXPECTED_FRACTION_MIN and (expected >= 1).all()
            else "fisher"
        )
    if choice == "chi-square":
        return _comparison("chi-square", stats.chi2_contingency(counts, correction=False))
    if counts.shape == (2, 2):
        return _comparison("Fisher's exact", stats.fisher_exact(counts))
    method = stats.MonteCarloMethod(n_resamples=MONTE_CARLO_TABLES, rng=np.random.default_rng(0))
    result = stats.fisher_exact(counts, method=method)
    return Comparison("Fisher-Freeman-Halton (Monte Carlo)", np.nan, float(result.pvalue))


def numbers_difference(samples: Sequence[np.ndarray]) -> float:
    """Standardised mean difference |m1 - m2| / sqrt((s1^2 + s2^2) / 2); of more than two groups the largest pair's.

    Austin, Stat Med 2009;28:3083. NaN where no pair has two values each and a spread.

    Parameters
    ----------
    samples : Sequence[np.ndarray]
        One array per group, without NaN.

    Returns
    -------
    float
        Difference in SDs, or NaN.
    """
    found = []
    for first, second in itertools.combinations(samples, 2):
        if min(len(first), len(second)) > 1:
            spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
            if spread > 0:
                found.append(abs(first.mean() - second.mean()) / spread)
    return float(max(found)) if found else np.nan


def counts_difference(counts: np.ndarray) -> float:
    """Standardised difference of proportions; for several levels the Mahalanobis distance of Yang and Dalton (2012).

    For two levels it is |p1 - p2| / sqrt((p1 q1 + p2 q2) / 2).

    Parameters
    ----------
    counts : np.ndarray
        Groups x levels; of more than two groups the largest pair's.

    Returns
    -------
    float
        Difference, or NaN.
    """
    found = []
    for first, second in itertools.combinations(np.asarray(counts, float), 2):
        if first.sum() == 0 or second.sum() == 0:
            continue
        used = (first + second) > 0
        p, q = (first / first.sum())[used][1:], (second / second.sum())[used][1:]
        covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
        if p.size and np.linalg.matrix_rank(covariance) == p.size:
            found.append(np.sqrt((p - q) @ np.linalg.solve(covariance, p - q)))
    return float(max(found)) if found else np.nan
