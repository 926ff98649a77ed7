"""How probable it is that a spot is what its detector looks for: a logistic model of the spot's own measures.

The models (`resources/spot_models`) were fitted on simulated heads (`training.fit_spots`). A measure beyond what those
heads showed counts as the nearest value that they did show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from angiolith.core.settings.section import CertaintySettings
from angiolith.core.tables import REVIEW
from angiolith.marks.verdicts import CANDIDATE, SURE

SQUARE = "^2"  # a feature's name with it: the square of the standardised value


@dataclass(frozen=True)
class SpotModel:
    """A logistic regression: intercept, and by feature the coefficient of the standardised value.

    low, high: range of the fit, to which values are cut; mean, sd: what they are standardised by.
    """

    intercept: float
    coefficients: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    mean: Mapping[str, float]
    sd: Mapping[str, float]


def read_spot_model(path: str | Path) -> SpotModel:
    """The model of a file of `resources/spot_models` (JSON).

    Parameters
    ----------
    path : str | Path
        Path of the JSON file.

    Returns
    -------
    SpotModel
        The model.
    """
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return SpotModel(**{name: found[name] for name in ("intercept", "coefficients", "low", "high", "mean", "sd")})


def standardised(table: pd.DataFrame, model: SpotModel, features: Sequence[str]) -> np.ndarray:
    """The model's inputs.

    Parameters
    ----------
    table : DataFrame
        A row per spot, with a column per feature.
    model : SpotModel
        Range, mean and SD of each feature.
    features : sequence of str
        Names; with SQUARE at the end: the square of that feature.

    Returns
    -------
    ndarray of float, shape (spots, features)
        A missing value counts as the mean.
    """
    columns = []
    for feature in features:
        name = feature.removesuffix(SQUARE)
        values = table[name].astype(float).clip(model.low[name], model.high[name])
        scaled = ((values - model.mean[name]) / model.sd[name]).fillna(0.0).to_numpy()
        columns.append(scaled**2 if feature.endswith(SQUARE) else scaled)
    return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))


def probabilities(table: pd.DataFrame, model: SpotModel) -> np.ndarray:
    """The probability of every spot.

    Parameters
    ----------
    table : DataFrame
        A row per spot, with the model's features as columns.
    model : SpotModel
        The model.

    Returns
    -------
    ndarray of float, shape (spots,)
        0 to 1.
    """
    features = list(model.coefficients)
    weights = np.array([model.coefficients[feature] for feature in features])
    return np.asarray(expit(model.intercept + standardised(table, model, features) @ weights))


def certainty_of(probability: float, settings: CertaintySettings) -> str:
    """Whether a spot counts.

    Parameters
    ----------
    probability : float
        0 to 1.
    settings : CertaintySettings
        The least probabilities of a sure spot and of a candidate.

    Returns
    -------
    str
        SURE, CANDIDATE, or "" for a spot that is not listed.
    """
    if probability >= settings.sure_probability_min:
        return SURE
    return CANDIDATE if probability >= settings.candidate_probability_min else ""


def judged(row: Mapping[str, Any], model: SpotModel, settings: CertaintySettings) -> dict[str, Any]:
    """A spot with its probability, what follows from it, and why it is not sure.

    Parameters
    ----------
    row : Mapping[str, Any]
        The measures that the model knows, and `status` and `reason`.
    model : SpotModel
        Coefficients.
    settings : CertaintySettings
        From which probability a spot is sure, and from which a candidate.

    Returns
    -------
    dict[str, Any]
        The row with `probability` and `certainty`; where it is not sure, with another `status` and `reason`.
    """
    probability = float(probabilities(pd.DataFrame([row]), model)[0])
    certainty = certainty_of(probability, settings)
    doubt = {} if certainty == SURE else {"status": REVIEW, "reason": f"probability {probability:.2f}"}
    return {**row, "probability": probability, "certainty": certainty, **doubt}
