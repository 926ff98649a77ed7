"""How a cell of a table is called when it is to be traced: the text that `trace` takes, for pages that show the cell.

For a Jinja template: `environment.globals["cell_address"] = cell_address`, and around a number
`<td title="make trace CELL='{{ cell_address(file, row, column) }}'">`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = (
    *("subject", "session", "from_session", "to_session", "lesion", "reader", "artery", "side"),
    *("group", "model", "predictor", "term", "measure", "source", "rater", "rows", "method"),
)


def cell_address(file: str, row: Mapping[str, Any], column: str) -> str:
    """`file:key=value:...:column` for a cell of a table below the output folder, from its row's own cells.

    Cells that are missing, that hold a colon, and the wanted column itself are no keys.
    """
    keys = {name: str(row[name]) for name in KEYS if name in row and name != column}
    named = [f"{name}={text}" for name, text in keys.items() if text not in ("", "nan", "None", "n/a", "<NA>")]
    return ":".join([file, *(part for part in named if ":" not in part), column])
