"""The reference of columns: docs/reference/columns.md, from the code where it has their meaning, else columns.yaml.

`python -m website.columns` writes it. A test holds the names against those of the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from angiolith.calcification import columns as calcification

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/columns.md"
WRITTEN: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("columns.yaml").read_text("utf-8"))
UNITS = {  # end of a name, or of its part before an artery's -> unit
    "_mm": "mm",
    "_mm2": "mm²",
    "_mm3": "mm³",
    "_cm3": "cm³",
    "_percent": "%",
    "_percent_icv": "%",
    "_hu": "HU",
    "_deg": "degrees",
    "_days": "days",
}
SECTIONS = (  # title, the files, the columns
    ("Every table", "", WRITTEN["every table"]),
    ("Calcifications", "`*_desc-calcification_lesions.tsv`", calcification.LESIONS),
    ("Arteries on CT", "`*_desc-calcification_arteries.tsv`", calcification.ARTERIES),
    ("Calcification of a session", "`*_desc-calcification_patient.tsv`", calcification.PATIENTS),
    ("Small-vessel disease of a session", "`*_desc-smallvessel_metrics.tsv`", WRITTEN["small_vessel"]),
    ("Acute lesions of a session", "`*_desc-acute_metrics.tsv`, in sessions with a DWI", WRITTEN["acute"]),
    ("Acute lesions", "`*_desc-acute_lesions.tsv`, in sessions with a DWI", WRITTEN["acute_lesions"]),
    ("Plaques", "`*_desc-plaque_metrics.tsv` and `*_desc-plaque_consensus.tsv`", WRITTEN["plaque"]),
    ("Change", "`*_desc-change_metrics.tsv` and `cohort/change.tsv`", WRITTEN["change"]),
    ("What the cohort's tables add", "`cohort/patients.tsv` and `cohort/lesions.tsv`", WRITTEN["cohort"]),
)
HEAD = """# Columns of the tables

Made by `make config` from the code and `website/columns.yaml`; do not edit. Formulas and their sources stand in
[methods.md](../methods.md).

A missing value is `n/a`, with its reason in the row. Zero is a measured zero. Columns are added and never renamed.
Readers' values stand beside the tool's under the reader's name, as `n_lacunes_A`. Your own clinical columns keep
their names.
"""


def unit_of(name: str) -> str:
    """The unit that a column's name states, or nothing.

    Parameters
    ----------
    name : str
        Such as `wall_area_mm2`, or `calcification_volume_mm3_ICA`.

    Returns
    -------
    str
    """
    bare = name.removesuffix("_ICA")
    ends = [end for end in UNITS if bare.endswith(end)]
    return UNITS[max(ends, key=len)] if ends else ""


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    common: Mapping[str, str] = WRITTEN["every table"]
    for title, files, columns in SECTIONS:
        lines = [f"\n## {title}\n", f"{files}\n" if files else "", "| column | unit | meaning |", "|---|---|---|"]
        shown = {name: text for name, text in columns.items() if columns is common or name not in common}
        lines += [f"| `{name}` | {unit_of(name)} | {text} |" for name, text in shown.items()]
        parts.append("\n".join(line for line in lines if line))
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
