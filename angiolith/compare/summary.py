"""Many scans together: means with intervals, agreement of volumes, classes of load and slices, tool against tool."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.agreement import icc
from angiolith.cohort.bland_altman import N_MIN, bland_altman
from angiolith.compare.kinds import KINDS

# [number] Resamples of the bootstrap. Source: numerics.
RESAMPLES = 2000
# [seed] Seed of the bootstrap. Source: definition.
BOOTSTRAP_SEED = 1979
# [%] Bounds of the interval among the resamples. Source: definition (95 %).
BOUNDS = (2.5, 97.5)
# [number] Fewer subjects give no interval. Source: choice, fewer have too few different resamples.
SUBJECTS_MIN = 4
# [cm3] Bounds of the classes of true WMH volume. Source: choice, low loads apart (2), a quarter of older adults (15).
LOAD_CM3 = (2.0, 5.0, 15.0)
# [number] Bounds of the classes of true lesions, of kinds that are counted. Source: choice (0, 1, 2 to 4, 5 and more).
LOAD_COUNT = (0, 1, 4)
# [mm] Bounds of the classes of slice thickness: the longest voxel edge. Source: choice (3D, 2D, thick 2D).
SLICE_MM = (2.0, 4.0)
# [mm3] One cm3. Source: definition.
MM3_PER_CM3 = 1000.0
ALL = "all scans"
COLUMNS = (
    *("kind", "tool", "group", "measure", "statistic", "n_subjects", "n_scans"),
    *("estimate", "ci_low", "ci_high", "p", "method", "note"),
)
PAIRED_COLUMNS = (
    *("kind", "first", "second", "measure", "n_subjects", "n_scans", "first_mean", "second_mean"),
    *("difference", "ci_low", "ci_high", "p", "method", "note"),
)
BOOTSTRAP = f"bootstrap of subjects, percentiles, {RESAMPLES} resamples"
Values = Mapping[str, np.ndarray]  # column -> (n,) numbers of the scans
Statistic = Callable[[Values], float]


def _known(of: np.ndarray) -> np.ndarray:
    return of[np.isfinite(of)]


def _over(function: Callable[[np.ndarray], Any], column: str) -> Statistic:
    """The statistic of a column's known values; NaN where there is none."""

    def found(values: Values) -> float:
        known = _known(values[column])
        return float(function(known)) if known.size else np.nan

    return found


def _ratio(above: str, below: str) -> Statistic:
    return lambda values: float(values[above].sum() / values[below].sum()) if values[below].sum() else np.nan


def _spearman(values: Values) -> float:
    """Spearman's rank correlation of true and found volume (Spearman 1904)."""
    true, found = values["true_mm3"], values["found_mm3"]
    if len(true) < N_MIN or not np.ptp(true) or not np.ptp(found):
        return np.nan
    return float(np.corrcoef(stats.rankdata(true), stats.rankdata(found))[0, 1])


OVERLAPS: dict[tuple[str, str], Statistic] = {
    ("dice", "mean"): _over(np.mean, "dice"),
    ("dice", "median"): _over(np.median, "dice"),
    ("dice", "worst"): _over(np.min, "dice"),
    ("volume_ratio", "median"): _over(np.median, "volume_ratio"),
    ("volume", "Spearman"): _spearman,
    ("hausdorff95_mm", "mean"): _over(np.mean, "hausdorff95_mm"),
    ("mean_surface_mm", "mean"): _over(np.mean, "mean_surface_mm"),
}
DETECTIONS: dict[tuple[str, str], Statistic] = {
    ("lesion_sensitivity", "mean"): _over(np.mean, "lesion_sensitivity"),
    ("lesion_ppv", "mean"): _over(np.mean, "lesion_ppv"),
    ("lesion_f1", "mean"): _over(np.mean, "lesion_f1"),
    ("lesion_sensitivity", "all lesions"): _ratio("n_true_met", "n_true"),
    ("lesion_ppv", "all lesions"): _ratio("n_found_met", "n_found"),
    ("false_lesions", "mean"): lambda values: float((values["n_found"] - values["n_found_met"]).mean()),
}
NO_INTERVAL = {("dice", "worst")}


def summaries(scans: pd.DataFrame) -> pd.DataFrame:
    """Summaries of every kind and tool, for all scans and by class; columns `COLUMNS`.

    Rows that could not be measured have no part in the statistics; `n_scans` and `n_subjects` count those that have.
    Intervals: `BOOTSTRAP`; those of ICC and Bland-Altman are the exact ones of `cohort.agreement`, which take each scan
    as a subject of its own.

    Parameters
    ----------
    scans : pd.DataFrame
        A row per tool, kind and scan, as `session.measured` has them.

    Returns
    -------
    pd.DataFrame
        One row per statistic.
    """
    rows: list[dict[str, Any]] = []
    for (kind, tool), part in scans[scans["found_mm3"].notna()].groupby(["kind", "tool"], sort=False):
        for group, chosen in _groups(part, str(kind)):
            head = {"kind": kind, "tool": tool, "group": group}
            statistics = OVERLAPS | (DETECTIONS if KINDS[str(kind)].lesions else {})
            rows += [
                head | {"measure": measure, "statistic": statistic} | found
                for (measure, statistic), found in estimates(chosen, statistics).items()
            ]
            if group == ALL:
                rows += [head | {"measure": "volume"} | row for row in _volumes(chosen, str(kind))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def classes(scans: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The class of load and of slice thickness of each scan, as text, columns `load` and `slices`; NaN where none.

    Parameters
    ----------
    scans : pd.DataFrame
        One row per tool, kind and scan.
    kind : str
        Kind of mask.

    Returns
    -------
    pd.DataFrame
        Columns `load` and `slices`.
    """
    if kind == "wmh":
        load = _cut(scans["true_mm3"] / MM3_PER_CM3, LOAD_CM3, "true volume {} cm3")
    elif KINDS[kind].lesions:
        load = _cut(scans["n_true"], LOAD_COUNT, "true lesions {}", whole=True)
    else:
        load = pd.Series(np.nan, scans.index, dtype=object)
    return pd.DataFrame({"load": load, "slices": _cut(scans["slice_mm"], SLICE_MM, "slices {} mm")})


def _cut(values: pd.Series, bounds: tuple[float, ...], text: str, whole: bool = False) -> pd.Series:
    """Classes up to each bound, it included, and beyond the last."""
    names = [text.format(f"up to {bounds[0]:g}" if bounds[0] else "0")]
    for low, high in itertools.pairwise(bounds):
        first = low + 1 if whole else low
        names.append(text.format(f"{first:g} to {high:g}" if first != high else f"{high:g}"))
    names.append(text.format(f"{bounds[-1] + 1:g} or more" if whole else f"above {bounds[-1]:g}"))
    at = np.searchsorted(bounds, values.to_numpy(float), side="left")
    return pd.Series([names[i] for i in at], values.index, dtype=object)


def _groups(scans: pd.DataFrame, kind: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """All scans; then each class of load and of slice thickness where there are two or more, from the lowest."""
    yield ALL, scans
    for column, of in (("load", "true_mm3"), ("slices", "slice_mm")):
        names = classes(scans, kind)[column]
        found = names.dropna().unique()
        if len(found) > 1:
            for name in sorted(found, key=lambda name: float(scans.loc[names == name, of].min())):
                yield str(name), scans[names == name]


def estimates(
    scans: pd.DataFrame, statistics: Mapping[tuple[str, str], Statistic]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Each statistic with its 95 % interval: n_subjects, n_scans, estimate, ci_low, ci_high, method, note.

    The interval resamples the subjects, each with all of its scans, and takes percentiles (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993). The seed is fixed: the same scans give the same interval.

    Parameters
    ----------
    scans : pd.DataFrame
        One row per tool, kind and scan.
    statistics : Mapping[tuple[str, str], Statistic]
        (measure, statistic) -> function of the scans' columns.

    Returns
    -------
    dict[tuple[str, str], dict[str, Any]]
        (measure, statistic) -> estimate with its interval.
    """
    values = {str(name): column.to_numpy(float) for name, column in scans.select_dtypes("number").items()}
    places = list(scans.reset_index(drop=True).groupby("subject", sort=True).indices.values())
    drawn = _resamples(values, places, statistics) if len(places) >= SUBJECTS_MIN else {}
    found = {}
    for name, function in statistics.items():
        row: dict[str, Any] = {"n_subjects": len(places), "n_scans": len(scans), "estimate": function(values)}
        if np.isfinite(row["estimate"]) and name not in NO_INTERVAL:
            if name in drawn:
                low, high = np.nanpercentile(drawn[name], BOUNDS)
                row |= {"ci_low": float(low), "ci_high": float(high), "method": BOOTSTRAP}
            else:
                row["note"] = f"{len(places)} subjects are too few for an interval"
        found[name] = row
    return found


def _resamples(
    values: Values, places: Sequence[np.ndarray], statistics: Mapping[tuple[str, str], Statistic]
) -> dict[tuple[str, str], np.ndarray]:
    """The statistics of every resample; places: the rows of each subject."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = {name: np.full(RESAMPLES, np.nan) for name in statistics}
    for at in range(RESAMPLES):
        rows = np.concatenate([places[i] for i in rng.integers(len(places), size=len(places))])
        chosen = {name: column[rows] for name, column in values.items()}
        for name, function in statistics.items():
            drawn[name][at] = function(chosen)
    return drawn


def volume_table(scans: pd.DataFrame, kind: str) -> pd.DataFrame:
    """True and found volume of every scan, in the kind's unit; the columns are `truth` and the tool.

    Parameters
    ----------
    scans : pd.DataFrame
        One row per tool, kind and scan.
    kind : str
        Kind of mask.

    Returns
    -------
    pd.DataFrame
        Columns `truth` and the tool's name.
    """
    scale = MM3_PER_CM3 if KINDS[kind].unit == "cm3" else 1.0
    table = scans[["true_mm3", "found_mm3"]] / scale
    return table.set_axis(["truth", str(scans["tool"].iloc[0])], axis=1).reset_index(drop=True)


def _volumes(scans: pd.DataFrame, kind: str) -> list[dict[str, Any]]:
    """ICC and Bland-Altman of the volumes."""
    table = volume_table(scans, kind)
    rows = [icc(table), *bland_altman(table.iloc[:, 0], table.iloc[:, 1])]
    counts = {"n_subjects": scans["subject"].nunique(), "n_scans": len(scans)}
    return [counts | row | {"statistic": str(row["method"]).split(", ")[0]} for row in rows]


def paired(scans: pd.DataFrame) -> pd.DataFrame:
    """Each two tools on the scans that both gave: the mean difference of Dice and of F1; columns `PAIRED_COLUMNS`.

    difference: second minus first; its interval as in `estimates`; p: Wilcoxon's signed-rank test of the subjects' mean
    differences (1945), two-sided.

    Parameters
    ----------
    scans : pd.DataFrame
        One row per tool, kind and scan.

    Returns
    -------
    pd.DataFrame
        One row per two tools and measure.
    """
    rows = []
    known = scans[scans["found_mm3"].notna()]
    for kind, part in known.groupby("kind", sort=False):
        measures = ("dice", "lesion_f1") if KINDS[str(kind)].lesions else ("dice",)
        for first, second in itertools.combinations(part["tool"].unique(), 2):
            for measure in measures:
                names = {"kind": kind, "first": first, "second": second, "measure": measure}
                rows.append(names | _difference(part, first, second, measure))
    return pd.DataFrame(rows, columns=list(PAIRED_COLUMNS))


def _difference(scans: pd.DataFrame, first: str, second: str, measure: str) -> dict[str, Any]:
    wide = scans.pivot_table(index=["subject", "session"], columns="tool", values=measure).reindex(
        columns=[first, second]
    )
    wide = wide.dropna().reset_index()
    row: dict[str, Any] = {"n_subjects": wide["subject"].nunique(), "n_scans": len(wide)}
    if not len(wide):
        return row | {"note": "no scan has both"}
    wide["difference"] = wide[second] - wide[first]
    row |= {"first_mean": wide[first].mean(), "second_mean": wide[second].mean()}
    found = estimates(wide, {("difference", "mean"): _over(np.mean, "difference")})["difference", "mean"]
    row |= {"difference": found.pop("estimate")} | found
    of_subjects = wide.groupby("subject")["difference"].mean().to_numpy()
    if len(of_subjects) >= SUBJECTS_MIN and of_subjects.any():
        row["p"] = float(stats.wilcoxon(of_subjects).pvalue)
        row["method"] = f"{BOOTSTRAP}; Wilcoxon signed-rank"
    return row
