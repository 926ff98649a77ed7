"""What a job does not use is not loaded, and is there all the same when it is used."""

import subprocess
import sys


def loaded(code):
    """Printed by a new Python, started as a job's is."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_names_taken_from_a_seldom_used_module_load_it():
    assert (
        loaded("import angiolith\nfrom numpy.testing import assert_allclose\nassert_allclose(1, 1); print('ok')")
        == "ok"
    )
