"""What a job does not use is not loaded, and is there all the same when it is used."""

import subprocess
import sys


def loaded(code):
    """Printed by a new Python, started as a job's is."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_a_seldom_used_module_waits_for_its_first_use():
    code = """
import sys, types
import scripts.register_mri_contrasts
import scipy
waits = type(sys.modules["scipy.special"]) is not types.ModuleType and "scipy.special._basic" not in sys.modules
half = scipy.special.expit(0.0)
print(waits, half, type(sys.modules["scipy.special"]) is types.ModuleType)
"""
    assert loaded(code) == "True 0.5 True"


def test_names_taken_from_a_seldom_used_module_load_it():
    assert (
        loaded("import angiolith\nfrom numpy.testing import assert_allclose\nassert_allclose(1, 1); print('ok')")
        == "ok"
    )
