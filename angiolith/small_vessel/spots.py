"""What a job says of the spots of a session (microbleeds, lacunes, perivascular spaces), and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.core.images import Image, write_made
from angiolith.core.tables import write_json, write_tsv


@dataclass(frozen=True)
class Spots:
    """Table of spots, their label map on the image's grid (None if nothing was measured), and the facts about them."""

    table: pd.DataFrame
    labels: Image | None
    facts: dict[str, Any]

    def write(self, keys: Mapping[str, str], table: str | Path, labels: str | Path, facts: str | Path) -> None:
        """Write the three files; keys: subject and session, which stand in front in table and facts."""
        write_tsv(self.table.assign(**keys)[[*keys, *self.table.columns]], table)
        write_made(self.labels, labels)
        write_json({**keys, **self.facts}, facts)
