"""Write envs/environment.yaml from the lock: the same names and versions, in one file that Snakemake can deploy."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = """# Written by `make lock`: the lock's versions for conda users. Python and pip from conda, the rest from PyPI.
#   conda env create -f envs/environment.yaml && conda activate angiolith
# or let Snakemake make it, for every job: snakemake --software-deployment-method conda ...
# Hashes are checked in the other ways of installing only (SECURITY.md).
name: angiolith
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment(lock: str) -> str:
    """Text of environment.yaml from the text of requirements.lock."""
    pins = re.findall(r"^([A-Za-z0-9._-]+==[^\\\n]+?) *\\?$", lock, flags=re.MULTILINE)
    return HEAD + "".join(f"      - {pin}\n" for pin in pins)


if __name__ == "__main__":
    (FOLDER / "environment.yaml").write_text(environment((FOLDER / "requirements.lock").read_text()))
