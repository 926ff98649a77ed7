"""Numbers of R that several files of tests share."""

import pytest

from tests.unit.cohort.modelled import TABLE
from tests.unit.cohort.r import numbers_of_r


@pytest.fixture(scope="session")
def r_models(tmp_path_factory):
    return numbers_of_r("reference_models.R", {"rows": TABLE}, tmp_path_factory.mktemp("r"))
