"""The table auditor: what a printed table says, recomputed from itself, cell by cell.

A printed table (YAML; config/README.md) holds counts, means, SDs, statistics, p, r, odds ratios and intervals as they
are printed. A printed number stands for every number that rounds to it, so each result is recomputed over that whole
range; a cell is consistent if some value in the range reproduces it under one of the tests that fit, inconsistent if
none does. The test that reproduces most rows of a kind is named for the table.

    angiolith audit-table FILE.yaml ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from angiolith.cohort.describe import compare_counts
from angiolith.cohort.plausibility import quantity_of, unit_doubt
from angiolith.cohort.printed import Printed, PrintedError, printed_number
from angiolith.cohort.summaries import SUMMARY_TESTS, Range, correlation_p, grouped_pearson, over_rounding, woolf
from angiolith.core.names import nearest

CONSISTENT, INCONSISTENT, UNCHECKED = "consistent", "inconsistent", "cannot be checked"
UNREAD = "cannot be read"
COLUMNS = ["table", "row", "cell", "printed", "recomputed", "verdict", "test", "explanation"]
KEYS = ("row", "counts", "percent", "mean_sd", "whole_numbers", "scores", "r", "n", "statistic", "p", "or", "ci")
KINDS = {"or": "odds ratios", "r": "correlations", "counts": "counts", "mean_sd": "means"}


def read_printed(path: str | Path) -> dict[str, Any]:
    """Read a printed table: source, groups (name -> n), tables (name -> rows); all numbers stay text.

    Parameters
    ----------
    path : str | Path
        Path of the YAML file.

    Returns
    -------
    dict[str, Any]
        source, groups and tables.

    Raises
    ------
    PrintedError
        For a file that does not have this form; the message names file and key.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PrintedError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not {"groups", "tables"} <= set(content):
        raise PrintedError(f"{path}: needs the keys groups and tables")
    for name, rows in content["tables"].items():
        for row in rows:
            unknown = [key for key in row if key not in KEYS]
            if unknown or "row" not in row:
                problem = f"{unknown[0]!r} is no key; {nearest(unknown[0], KEYS)}" if unknown else "a row has no name"
                raise PrintedError(f"{path}: {name}: {row.get('row', row)}: {problem}")
    return content


def audit(content: Mapping[str, Any]) -> pd.DataFrame:
    """Every cell that can be checked, with its verdict: a table with the columns `COLUMNS`.

    Parameters
    ----------
    content : Mapping[str, Any]
        Content of `read_printed`.

    Returns
    -------
    pd.DataFrame
        One row per checked cell.
    """
    sizes = [int(n) for n in content["groups"].values()]
    cells: list[dict[str, object]] = []
    for name, rows in content["tables"].items():
        for row in rows:
            kind = next((kind for key, kind in KINDS.items() if key in row), "other")
            cells += [{"table": name, "row": row["row"], "kind": kind, **cell} for cell in audit_row(row, sizes)]
    return pd.DataFrame([*cells, *_tests_behind(cells)], columns=COLUMNS)


def unread(problem: str) -> pd.DataFrame:
    """The audit of a printed table that cannot be read: one line that says why.

    Parameters
    ----------
    problem : str
        Why the table cannot be read.

    Returns
    -------
    pd.DataFrame
        One row.
    """
    return pd.DataFrame([{"table": "all", "row": "all"} | _cell("all", "", "", UNREAD, "", problem)], columns=COLUMNS)


def audit_row(row: Mapping[str, Any], sizes: Sequence[int]) -> list[dict[str, object]]:
    """The checks of one row of a printed table; sizes: patients by group.

    Parameters
    ----------
    row : Mapping[str, Any]
        One row of a printed table.
    sizes : Sequence[int]
        Patients by group.

    Returns
    -------
    list[dict[str, object]]
        Cells with their verdicts.
    """
    cells: list[dict[str, object]] = []
    tests: dict[str, Range] = {}
    statistics: dict[str, Range] = {}
    if "counts" in row:
        counts = _counts(row["counts"], sizes)
        cells += _count_cells(counts, row.get("percent", []), sizes)
        if (counts < 0).any():
            return cells
        for choice in ("chi-square", "fisher"):
            result = compare_counts(counts, choice)
            tests[result.name], statistics[result.name] = (result.p,) * 2, (result.statistic,) * 2
        if counts.shape == (2, 2) and (counts.sum(axis=0) > 0).all():
            p = float(stats.chi2_contingency(counts, correction=True).pvalue)
            tests["chi-square with continuity correction"] = p, p
        if "or" in row:
            cells += _odds_ratio_of_counts(counts, row)
            tests = {"Wald test of the odds ratio": (woolf(counts)[3],) * 2} | tests
    elif "or" in row:
        cells += _interval_alone(row)
    if "mean_sd" in row:
        groups = [(printed_number(mean), printed_number(sd)) for mean, sd in row["mean_sd"]]
        cells += _mean_cells(row, groups, sizes)
        for name, test in SUMMARY_TESTS.items():
            if "r" not in row and (name == "Welch's test" or (len(groups) == 2) == (name == "Student's t")):
                statistics[name], tests[name] = over_rounding(groups, sizes, test)
    if "r" in row:
        cells += _correlation_cells(row, sizes)
        return cells
    for key, candidates in (("statistic", statistics), ("p", tests)):
        if key in row and candidates:
            cells.append(_reproduced(key, row[key], candidates))
        elif key in row and "or" not in row:
            cells.append(_cell(key, row[key], "", UNCHECKED, "", "nothing in the row gives it"))
    return cells


def _cell(
    cell: str, printed: object, found: str, verdict: str, test: str = "", explanation: str = ""
) -> dict[str, object]:
    return {"cell": cell, "printed": str(printed), "recomputed": found, "verdict": verdict, "test": test,
            "explanation": explanation}  # fmt: skip


def _text(found: Range) -> str:
    low, high = (f"{value:.3g}" for value in found)
    return low if low == high else f"{low} to {high}"


def _reproduced(key: str, text: str, candidates: Mapping[str, Range]) -> dict[str, object]:
    """Which tests give a printed p or statistic."""
    printed = printed_number(text)
    ranges = {name: found for name, found in candidates.items() if np.isfinite(found[0])}
    shown = "; ".join(f"{name} {_text(found)}" for name, found in ranges.items())
    if not ranges:
        return _cell(key, text, "", UNCHECKED, "", "no test of the row gives it")
    matching = [name for name, found in ranges.items() if printed.meets(found)]
    near = [name for name, found in ranges.items() if printed.meets(found, slack=1)]
    twice = [name for name in near if printed.is_rounded_twice(ranges[name])]
    if twice:
        how = f"{', '.join(twice)}, rounded twice ({ranges[twice[0]][0]:.4f})"
    else:
        how = f"{', '.join(near)}: one unit of the last digit away" if near else "no test that fits the row gives it"
    verdict, why = (CONSISTENT, "") if matching else (INCONSISTENT, how)
    return _cell(key, text, shown, verdict, ", ".join(matching), why) | {"matching": matching, "near": near}


def _counts(given: Sequence[Any], sizes: Sequence[int]) -> np.ndarray:
    """(groups, levels) counts; a single number per group is that of yes, the rest of the group is no."""
    if isinstance(given[0], str):
        return np.array([[int(yes), n - int(yes)] for yes, n in zip(given, sizes, strict=True)])
    return np.array([[int(count) for count in group] for group in given])


def _count_cells(counts: np.ndarray, percent: Sequence[str], sizes: Sequence[int]) -> list[dict[str, object]]:
    cells = []
    if (counts < 0).any():
        cells.append(_cell("counts", counts[:, 0].tolist(), "", INCONSISTENT, "", "more than the group has"))
    for total, n in zip(counts.sum(axis=1), sizes, strict=True):
        if total != n:
            cells.append(_cell("counts", total, str(n), INCONSISTENT, "", "the levels do not add up to the group"))
    for text, yes, n in zip(percent, counts[:, 0], sizes, strict=False):
        stated = 100 * yes / n
        verdict = CONSISTENT if printed_number(text).meets((stated, stated)) else INCONSISTENT
        why = "" if verdict == CONSISTENT else f"{yes} of {n}"
        cells.append(_cell("percent", text, f"{stated:.2f}", verdict, "", why))
    return cells


def _mean_cells(
    row: Mapping[str, Any], groups: Sequence[tuple[Printed, Printed]], sizes: Sequence[int]
) -> list[dict[str, object]]:
    """Whether means and SDs can occur: of whole numbers (GRIM), and of this quantity in this unit."""
    cells = []
    for (mean, sd), n in zip(groups, sizes, strict=True):
        if row.get("whole_numbers") == "true":
            cells += [_whole_mean(mean, n), _whole_sd(mean, sd, n)]
    known = quantity_of(row["row"])
    if known is not None:
        quantity, unit = known
        middle = float(np.median([mean.value for mean, _ in groups])) / quantity.factors[unit]
        low, high = quantity.median
        if not low <= middle <= high:
            printed = ", ".join(mean.text for mean, _ in groups)
            cells.append(_cell("unit", printed, "", INCONSISTENT, "", unit_doubt(middle, quantity, unit)))
    return cells


def _whole_mean(mean: Printed, n: int) -> dict[str, object]:
    """GRIM: a mean of n whole numbers is a multiple of 1 / n (Brown and Heathers, Soc Psychol Pers Sci 2017;8:363)."""
    sums = [np.floor(mean.value * n), np.ceil(mean.value * n)]
    nearest_means = [total / n for total in sums]
    if any(mean.meets((value, value)) for value in nearest_means):
        return _cell("mean", mean.text, "", CONSISTENT, "whole numbers (GRIM)")
    shown = " or ".join(f"{value:.3f}" for value in nearest_means)
    return _cell("mean", mean.text, shown, INCONSISTENT, "", f"no {n} whole numbers have this mean")


def _whole_sd(mean: Printed, sd: Printed, n: int) -> dict[str, object]:
    """The least SD of n whole numbers with a mean m: all at the two neighbours of m."""
    ends = [
        mean.low,
        mean.high,
        *(value for value in np.arange(np.floor(mean.low), mean.high + 1) if mean.covers(value)),
    ]
    fractions = [value - np.floor(value) for value in ends]
    least = float(np.sqrt(min(fraction * (1 - fraction) for fraction in fractions) * n / (n - 1)))
    if sd.high >= least:
        return _cell("sd", sd.text, f"at least {least:.3g}", CONSISTENT, "whole numbers")
    return _cell("sd", sd.text, f"at least {least:.3g}", INCONSISTENT, "", "whole numbers of this mean vary more")


def _odds_ratio_of_counts(counts: np.ndarray, row: Mapping[str, Any]) -> list[dict[str, object]]:
    ratio, low, high, _ = woolf(counts)
    cells = []
    for cell, text, value in (
        ("or", row["or"], ratio),
        *zip(("ci", "ci"), row.get("ci", []), (low, high), strict=False),
    ):
        if not np.isfinite(value):
            cells.append(_cell(cell, text, "", UNCHECKED, "", "not two groups by two levels, or an empty cell"))
            continue
        same = printed_number(text).meets((value, value))
        inverse = printed_number(text).meets((1 / value, 1 / value))
        verdict = CONSISTENT if same else INCONSISTENT
        why = "" if same else "it is that of the other group" if inverse else "its counts give another one"
        cells.append(_cell(cell, text, f"{value:.3f}", verdict, "logistic regression, Wald" if same else "", why))
    return cells


def _interval_alone(row: Mapping[str, Any]) -> list[dict[str, object]]:
    """An odds ratio with its interval: in the middle of it on the log scale, and p as the interval has it."""
    if len(row.get("ci", [])) != 2:
        return [_cell("or", row["or"], "", UNCHECKED, "", "no interval is printed")]
    ratio, (low, high) = printed_number(row["or"]), (printed_number(text) for text in row["ci"])
    if min(ratio.low, low.low) <= 0:
        return [_cell("or", row["or"], "", UNCHECKED, "", "too few digits to take a logarithm")]
    middle = float(np.sqrt(low.low * high.low)), float(np.sqrt(low.high * high.high))
    fits = ratio.meets(middle)
    why = "" if fits else "not in the middle of its interval on the log scale"
    cells = [_cell("or", row["or"], _text(middle), CONSISTENT if fits else INCONSISTENT, "Wald" if fits else "", why)]
    if "p" in row:
        z = 2 * stats.norm.ppf(0.975)
        widths = np.log(high.low / low.high), np.log(high.high / low.low)
        logs = sorted(abs(np.log([ratio.low, ratio.high])))
        least = 0.0 if ratio.low <= 1 <= ratio.high else logs[0]
        found = [float(2 * stats.norm.sf(log * z / width)) for log in (least, logs[1]) for width in widths]
        cells.append(_reproduced("p", row["p"], {"Wald": (min(found), max(found))}))
    return cells


def _correlation_cells(row: Mapping[str, Any], sizes: Sequence[int]) -> list[dict[str, object]]:
    """A correlation with its p at n, and where means and SDs by group are printed, with what they make of it."""
    n = int(row.get("n", sum(sizes)))
    r = printed_number(row["r"])
    cells = []
    if "p" in row:
        found = [correlation_p(value, n) for value in (r.low, r.high, 0.0 if r.covers(0) else r.value)]
        cell = _reproduced("p", row["p"], {"t test of r (Pearson or Spearman)": (min(found), max(found))})
        if cell["verdict"] == INCONSISTENT:
            cell["explanation"] = f"r = {row['r']} at n = {n} cannot have this p"
        cells.append(cell)
    if "mean_sd" not in row:
        return cells
    groups = [(printed_number(mean), printed_number(sd)) for mean, sd in row["mean_sd"]]
    scores = np.array([float(score) for score in row.get("scores", range(len(groups)))])
    (possible,) = over_rounding(groups, sizes, lambda g, m: (grouped_pearson(g, m, scores),))
    how = f"Pearson's r with the groups as {', '.join(f'{score:g}' for score in scores)}"
    if r.meets(possible):
        cells.append(_cell("r", row["r"], _text(possible), CONSISTENT, how))
    else:
        why = f"{how} is another one; Spearman's, and r with finer scores, cannot be had from group summaries"
        cells.append(_cell("r", row["r"], _text(possible), UNCHECKED, "", why))
    return cells


def _tests_behind(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Per kind of row: how many of its p values each test reproduces, exactly and to one unit of the last digit."""
    found = []
    for kind in KINDS.values():
        checked = [cell for cell in cells if cell["kind"] == kind and cell["cell"] == "p" and "near" in cell]
        tests = list(dict.fromkeys(test for cell in checked for test in cell["near"]))
        if len(checked) < 2 or not tests:
            continue
        exact = {test: sum(test in cell["matching"] for cell in checked) for test in tests}
        near = {test: sum(test in cell["near"] for cell in checked) for test in tests}
        tests.sort(key=lambda test: (-exact[test], -near[test]))
        shown = "; ".join(f"{test} {exact[test]} ({near[test]}) of {len(checked)}" for test in tests)
        best = tests[0]
        tied = [test for test in tests if (exact[test], near[test]) == (exact[best], near[best])]
        verdict = CONSISTENT if near[best] == len(checked) else INCONSISTENT
        why = "rows reproduced; in brackets: to one unit of the last digit"
        found.append({"table": "all", "row": kind} | _cell("test", "", shown, verdict, ", ".join(tied), why))
    return found
