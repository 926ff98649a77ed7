"""Inputs that a study's folder may hold and should not: each is made small, given to the code that meets it, and its
answer kept. The tests and docs/hostile_inputs.md are both made from `CASES`."""

from tests.hostile.calcium import CASES as CALCIUM
from tests.hostile.case import Answer, Case
from tests.hostile.drawings import CASES as DRAWINGS
from tests.hostile.folders import CASES as FOLDERS
from tests.hostile.images import CASES as IMAGES
from tests.hostile.studies import CASES as STUDIES

CASES: tuple[Case, ...] = (*IMAGES, *CALCIUM, *FOLDERS, *DRAWINGS, *STUDIES)

__all__ = ["CASES", "Answer", "Case"]
