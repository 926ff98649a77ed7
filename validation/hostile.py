"""Write docs/hostile_inputs.md: every hostile input with the exact line that it gets.

python -m validation.hostile --out docs/hostile_inputs.md
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.hostile import CASES, Answer, Case
from tests.hostile.kinds import KINDS

HEAD = """# Hostile inputs

Written by `make hostile-inputs` from the cases of `tests/hostile/`, each of which is also a test; another test holds
this page to what the code says. Each input is made small and given to the script or reader that meets it.

What becomes of it:

- **row: failed**: the session's row has this status and reason, nothing is measured on the image, all else goes on.
- **row: review**: measured, and the row says what a person should look at.
- **measured, reported**: handled; the line stands in the row or the log.
- **refused before any job**: the workflow does not start until it is corrected, since what it would do is not clear.
- **table left out, all else is made**: the clinical table is not used, `cohort/clinical_tables.tsv` and the report's
  page of errors say why; analyses that need its columns are not made, and their account states it.
- **analysis not made, the others are**: its rows of `cohort/attrition.tsv` and the report say why.
- **not used, reported**: `manifest_report.tsv`, the report's page of errors and, where an image is lacking by it, the
  session's row say why; all else goes on.
- **one is chosen, reported**: the same places say which, by which rule, and what was left.
- **no change is measured, all else is made**: `cohort/change.tsv` has a failed row with the reason.
- **taken as it is**: not a fault to the tool.

| input | what becomes of it | line |
|---|---|---|
"""


def page(answers: Callable[[Case], Answer]) -> str:
    """The page; `answers` gives each case's."""
    rows = []
    for case in CASES:
        outcome, line = answers(case)
        rows.append(f"| {case.name} | {outcome} | {_cell(line)} |\n")
    return HEAD + "".join(rows) + _kinds()


def _kinds() -> str:
    """Which members of each kind of fault are among the cases."""
    lines = ["", "## Kinds of fault, and which members of each were tried", "", "| kind | members |", "|---|---|"]
    for kind, names, elsewhere in KINDS:
        lines.append(f"| {kind} | {'; '.join([*names, *([elsewhere] if elsewhere else [])])} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/hostile_inputs.md"))
    given = parser.parse_args()
    given.out.write_text(page(answer), encoding="utf-8")


def answer(case: Case) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        return case.answer(Path(folder))


if __name__ == "__main__":
    main()
