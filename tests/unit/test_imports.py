"""Importing the project changes nothing in the interpreter, and no job loads ANTs before it calls it."""

import json
import os
import subprocess
import sys

from tests.workflow.planning import ROOT

LOOK = """
import gc, importlib, json, os, pathlib, pkgutil, sys, warnings
import numpy, pandas, scipy, skimage, SimpleITK, matplotlib, snakemake  # their own side effects are not the project's

def state():
    return {
        "garbage collector": [gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()],
        "lists of sys": {name: list(map(str, value)) for name, value in vars(sys).items() if isinstance(value, list)},
        "environment": dict(os.environ),
        "recursion": sys.getrecursionlimit(),
        "threads of ITK": SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads(),
        "blanked modules": sorted(name for name, module in sys.modules.items() if module is None),
        "numpy's errors": numpy.geterr(),
    }

before = state()
names = [module.name for module in pkgutil.walk_packages(["angiolith"], "angiolith.")]
names.remove("angiolith.cli.__main__")
names += [f"scripts.{path.stem}" for path in sorted(pathlib.Path("scripts").glob("*.py"))]
for name in names:
    importlib.import_module(name)
after = state()
print(json.dumps({
    "imported": len(names),
    "changed": [key for key in before if before[key] != after[key]],
    "ants": sorted(name for name in sys.modules if name.split(".")[0] in ("ants", "nilearn")),
}))
"""


def test_imports_change_nothing_and_load_no_ants():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert found["imported"] > 200
    assert found["changed"] == []
    assert found["ants"] == []
