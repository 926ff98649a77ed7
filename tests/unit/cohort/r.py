"""Runs a script of R on tables and gives back its numbers; skips where R is not there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

REASON_TO_SKIP = "R or a package of it is not installed (apt-get install those named in .ci/run)"


def numbers_of_r(script, tables, folder):
    """name -> numbers, as a script (its name in this folder) finds them in the tables (name -> frame)."""
    rscript, required = shutil.which("Rscript"), os.environ.get("ANGIOLITH_REQUIRE_R")
    if rscript is None and required:
        pytest.fail(REASON_TO_SKIP)
    if rscript is None:
        pytest.skip(REASON_TO_SKIP)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    path = Path(__file__).with_name(script)
    command = [rscript, "--vanilla", str(path), str(folder), str(folder / "r.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "there is no package called" in done.stderr and not required:
        pytest.skip(f"{done.stderr.strip().splitlines()[0]}; {REASON_TO_SKIP}")
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "r.json").read_text())


def agree(r, name, found, rel=1e-6):
    np.testing.assert_allclose(np.atleast_1d(np.asarray(found, float)), r[name], rtol=rel, atol=1e-12, err_msg=name)
