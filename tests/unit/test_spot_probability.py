"""The probability of a microbleed or a lacune: the model's formula, its limits, and what certainty follows from it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.small_vessel.lacunes.detect import COLUMNS as OF_LACUNES
from angiolith.small_vessel.microbleeds.detect import COLUMNS as OF_MICROBLEEDS
from angiolith.small_vessel.probability import SQUARE, SpotModel, certainty_of, probabilities, read_spot_model

MODELS = Path(__file__).parents[2] / "resources/spot_models"
MODEL = SpotModel(
    intercept=0.5,
    coefficients={"contrast": 2.0, "contrast^2": -0.5},
    low={"contrast": 0.2},
    high={"contrast": 0.8},
    mean={"contrast": 0.5},
    sd={"contrast": 0.1},
)


def of(*contrasts):
    return probabilities(pd.DataFrame({"contrast": contrasts}), MODEL)


def test_the_probability_is_the_logistic_function_of_standardised_measures():
    z = (0.6 - 0.5) / 0.1
    assert of(0.6)[0] == pytest.approx(1 / (1 + np.exp(-(0.5 + 2 * z - 0.5 * z**2))))


def test_measures_beyond_the_fit_count_as_its_ends_and_missing_ones_as_its_mean():
    assert of(5.0, -5.0).tolist() == of(0.8, 0.2).tolist()
    assert of(np.nan)[0] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert of().shape == (0,)


@pytest.mark.parametrize(
    ("probability", "certainty"), [(1.0, "sure"), (0.5, "sure"), (0.49, "candidate"), (0.1, "candidate"), (0.09, "")]
)
def test_certainty_follows_from_the_probability(probability, certainty):
    assert certainty_of(probability, MicrobleedDetectSettings()) == certainty
    assert certainty_of(probability, LacuneDetectSettings()) == certainty


@pytest.mark.parametrize(("kind", "columns"), [("microbleeds", OF_MICROBLEEDS), ("lacunes", OF_LACUNES)])
def test_the_shipped_models_read_columns_that_the_detectors_write(kind, columns):
    model = read_spot_model(MODELS / f"{kind}.json")
    named = {name.removesuffix(SQUARE) for name in model.coefficients}
    assert named <= set(columns)
    assert named <= set(model.low) & set(model.high) & set(model.mean) & set(model.sd)
    assert all(model.low[name] <= model.mean[name] <= model.high[name] for name in named)
    assert json.loads((MODELS / f"{kind}.json").read_text())["what"] == kind
