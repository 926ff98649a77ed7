"""Runs a script of R on tables and gives back its numbers; skips where R is not there.

R starts once for a script, whatever the number of sets of tables: most of its time goes to loading packages. Tests that
share numbers of R have one `xdist_group`, so that several workers do not each make them.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

REASON_TO_SKIP = "R or a package of it is not installed (apt-get install those named in .ci/run)"
EACH_SET = """
.script <- commandArgs(TRUE)[1]
.folders <- commandArgs(TRUE)[-1]
for (.folder in .folders) {
  commandArgs <- function(...) c(.folder, file.path(.folder, "r.json"))
  source(.script)
}
"""


def numbers_of_sets(script, sets, folder):
    """set -> name -> numbers, as a script (its name in this folder) finds them in each set (set -> name -> frame)."""
    rscript, required = shutil.which("Rscript"), os.environ.get("ANGIOLITH_REQUIRE_R")
    if rscript is None and required:
        pytest.fail(REASON_TO_SKIP)
    if rscript is None:
        pytest.skip(REASON_TO_SKIP)
    folders = {each: folder / str(at) for at, each in enumerate(sets)}
    for each, tables in sets.items():
        folders[each].mkdir()
        for name, table in tables.items():
            table.to_csv(folders[each] / f"{name}.csv", index=False)
    command = [rscript, "--vanilla", "-e", EACH_SET, str(Path(__file__).with_name(script)), *map(str, folders.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "there is no package called" in done.stderr and not required:
        pytest.skip(f"{done.stderr.strip().splitlines()[0]}; {REASON_TO_SKIP}")
    assert done.returncode == 0, done.stderr
    return {each: json.loads((path / "r.json").read_text()) for each, path in folders.items()}


def numbers_of_r(script, tables, folder):
    """name -> numbers, as a script (its name in this folder) finds them in the tables (name -> frame)."""
    return numbers_of_sets(script, {"": tables}, folder)[""]


def agree(r, name, found, rel=1e-6, atol=1e-12):
    np.testing.assert_allclose(np.atleast_1d(np.asarray(found, float)), r[name], rtol=rel, atol=atol, err_msg=name)
