import pytest

from tests.unit.audit.made_run import MadeRun


@pytest.fixture
def made(tmp_path):
    return MadeRun(tmp_path)
