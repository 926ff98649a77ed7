"""What a reviewer asks of a fitted model: events per term, collinearity, discrimination, calibration, influence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.enough import HOSMER_ROWS_MIN
from angiolith.cohort.regression import Fit, finite_maximum, standardised

# [number] Folds of the cross-validation. Source: definition.
FOLDS = 10
# [seed] Seed of the folds. Source: definition.
FOLD_SEED = 20170
# [number] Groups of the Hosmer-Lemeshow test. Source: Hosmer and Lemeshow 1980.
HOSMER_GROUPS = 10
COLUMNS = [
    "model",
    "predictor",
    "n",
    "events",
    "terms",
    "events_per_term",
    "vif_max",
    "vif_max_term",
    "auc",
    "auc_low",
    "auc_high",
    "auc_cross_validated",
    "calibration_slope",
    "calibration_intercept",
    "brier",
    "hosmer_lemeshow_p",
    "r_squared",
    "cook_max",
    "cook_max_subject",
    "n_cook_high",
    "method",
    "note",
]


def diagnose(
    outcome: np.ndarray, design: pd.DataFrame, fit: Fit, subjects: pd.Series, logistic: bool
) -> dict[str, object]:
    """One row of the diagnostics table (`COLUMNS` without model and predictor).

    events_per_term: rows of the rarer outcome (of a linear model: rows) per term. auc: with the interval of DeLong
    (Biometrics 1988;44:837). auc_cross_validated and the calibration (intercept and slope of the outcome on the logit
    of the prediction; 0 and 1 are perfect): over 10 folds with a fixed seed, because in its own data a
    maximum-likelihood model is always calibrated. hosmer_lemeshow_p: 10 groups by predicted risk. cook_*: Cook's
    distance, the subject with the largest one, and how many rows are above 4 / n.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without the intercept.
    fit : Fit
        The fitted model.
    subjects : pd.Series
        Label of each row.
    logistic : bool
        True for a logistic model, False for a linear one.

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
    n, k = design.shape
    rarer = min(outcome.sum(), n - outcome.sum()) if logistic else n
    row: dict[str, object] = {"n": n, "events": fit.events, "terms": k, "events_per_term": rarer / k if k else np.nan}
    row |= {"method": fit.method, "note": fit.note}
    if not fit.exists:
        return row
    inflation = variance_inflation(design)
    row |= {"vif_max": inflation.max(), "vif_max_term": inflation.idxmax() if k > 1 else None}
    distance = cooks_distance(outcome, design, fit.fitted, logistic)
    worst = int(np.argmax(distance))
    row |= {"cook_max": distance[worst], "cook_max_subject": subjects.iloc[worst]}
    row["n_cook_high"] = int((distance > 4 / n).sum())
    if not logistic:
        return row | {"r_squared": np.corrcoef(outcome, fit.fitted)[0, 1] ** 2}
    auc, low, high = area_under_curve(outcome, fit.fitted)
    row |= {"auc": auc, "auc_low": low, "auc_high": high, "brier": np.mean((outcome - fit.fitted) ** 2)}
    if n >= HOSMER_ROWS_MIN:
        row["hosmer_lemeshow_p"] = hosmer_lemeshow(outcome, fit.fitted)[1]
    return row | cross_validated(outcome, design)


def variance_inflation(design: pd.DataFrame) -> pd.Series:
    """Variance inflation factor of each term: the diagonal of the inverse of the terms' correlation matrix.

    Parameters
    ----------
    design : pd.DataFrame
        Columns of the model (n, k), without the intercept.

    Returns
    -------
    pd.Series
        Factor by term.
    """
    if design.shape[1] == 1:
        return pd.Series(1.0, index=design.columns)
    return pd.Series(np.diag(np.linalg.inv(np.corrcoef(design.to_numpy(), rowvar=False))), index=design.columns)


def area_under_curve(outcome: np.ndarray, score: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % interval by DeLong's variance (midranks: Sun and Xu 2014), within 0..1.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    score : np.ndarray
        Predicted score (n,).

    Returns
    -------
    tuple[float, float, float]
        Area and the ends of its interval.
    """
    cases, controls = score[outcome == 1], score[outcome == 0]
    m, n = len(cases), len(controls)
    together = stats.rankdata(np.concatenate([cases, controls]))
    above = (together[:m] - stats.rankdata(cases)) / n  # fraction of controls below each case
    below = 1 - (together[m:] - stats.rankdata(controls)) / m
    auc = float(above.mean())
    if min(m, n) < 2:
        return auc, np.nan, np.nan
    reach = stats.norm.ppf(0.975) * np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return auc, max(auc - reach, 0.0), min(auc + reach, 1.0)


def hosmer_lemeshow(outcome: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Statistic and p of Hosmer and Lemeshow's test: tenths of the predicted risk, 8 degrees of freedom.

    NaN where ties leave fewer than three groups.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    probability : np.ndarray
        Predicted probability (n,).

    Returns
    -------
    tuple[float, float]
        Statistic and p.
    """
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, HOSMER_GROUPS + 1)))
    group = np.clip(np.searchsorted(edges, probability, side="left") - 1, 0, None)
    counts = pd.DataFrame({"group": group, "seen": outcome, "expected": probability, "n": 1}).groupby("group").sum()
    if len(counts) < 3:
        return np.nan, np.nan
    miss = (counts["seen"] - counts["expected"]) ** 2
    statistic = float((miss / counts["expected"] + miss / (counts["n"] - counts["expected"])).sum())
    return statistic, float(stats.chi2.sf(statistic, len(counts) - 2))


def cooks_distance(outcome: np.ndarray, design: pd.DataFrame, fitted: np.ndarray, logistic: bool) -> np.ndarray:
    """(n,) Cook's distance; of a logistic model by its one-step form (Pregibon, Ann Stat 1981;9:705).

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without the intercept.
    fitted : np.ndarray
        Fitted values (n,).
    logistic : bool
        True for a logistic model, False for a linear one.

    Returns
    -------
    np.ndarray
        Distances (n,).
    """
    columns = np.column_stack([np.ones(len(design)), standardised(design)[0]])
    weight = fitted * (1 - fitted) if logistic else np.ones(len(design))
    triangle = np.linalg.qr(columns * np.sqrt(weight)[:, None])[0]
    leverage = np.minimum((triangle**2).sum(axis=1), 1 - 1e-12)
    residual = outcome - fitted
    k = columns.shape[1]
    scale = 1.0 if logistic else residual @ residual / (len(design) - k)
    pearson = residual / np.sqrt(np.maximum(weight, 1e-300))
    return (pearson / (1 - leverage)) ** 2 * leverage / (scale * k)


def cross_validated(outcome: np.ndarray, design: pd.DataFrame) -> dict[str, float]:
    """auc_cross_validated, calibration_slope and calibration_intercept of predictions for folds left out.

    The intercept is that at slope 1. NaN where a fold's model has no finite fit or a fold lacks an outcome.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without the intercept.

    Returns
    -------
    dict[str, float]
        Measure -> value.
    """
    names = ("auc_cross_validated", "calibration_slope", "calibration_intercept")
    missing = dict.fromkeys(names, np.nan)
    if min(outcome.sum(), len(outcome) - outcome.sum()) < FOLDS:
        return missing
    shuffled = np.random.default_rng(FOLD_SEED).permutation(len(outcome))
    rank = np.empty(len(outcome), int)
    rank[shuffled[np.argsort(outcome[shuffled], kind="stable")]] = np.arange(len(outcome))
    fold = rank % FOLDS  # both outcomes are spread evenly
    scaled = standardised(design)[0]
    logit = np.empty(len(outcome))
    for out in (fold == at for at in range(FOLDS)):
        model = finite_maximum(scaled[~out], outcome[~out])
        if model is None:
            return missing
        logit[out] = model.decision_function(scaled[out])
    slope = finite_maximum(logit[:, None], outcome)
    if slope is None:
        return missing
    from statsmodels.discrete.discrete_model import Logit

    shift = Logit(outcome, np.ones((len(outcome), 1)), offset=logit).fit(disp=False).params[0]
    auc = area_under_curve(outcome, logit)[0]
    return dict(zip(names, (auc, float(slope.coef_[0]), float(shift)), strict=True))
