"""The places of a labelled head that spots are judged by: brain tissue alone has one."""

import numpy as np

from angiolith.core.settings.location import PlaceSettings
from angiolith.small_vessel.location.places import PLACES
from validation.location import true_places


def test_fluid_of_the_sulci_and_ventricles_has_no_place():
    """MUSE labels along a row of 20 mm: sulcal fluid, cortex, thalamus, vermis, white matter beside the ventricle."""
    labels = np.array([0, 1, 46, 100, 59, 71, 81, 52, 82])[:, None, None]
    places = true_places(labels, np.array([20.0, 1.0, 1.0]), PlaceSettings(periventricular_mm=10.0)).ravel()
    named = [PLACES[index] if index >= 0 else None for index in places]
    assert named == [None, None, None, "lobar", "deep", "infratentorial", "lobar", None, "lobar"]
    near = true_places(labels, np.array([5.0, 1.0, 1.0]), PlaceSettings(periventricular_mm=10.0)).ravel()
    assert [PLACES[index] for index in near[[6, 8]]] == ["deep", "deep"]
