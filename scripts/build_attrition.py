"""Apply every analysis' criteria: the rows that are analysed, and an account of all others, as a table and pictures.

An analysis whose table cannot be used is not made, and its account says why; the others are.
"""

from typing import Any

import pandas as pd

from angiolith.cohort.account import analysed, unit_of
from angiolith.cohort.flow import draw_flow
from angiolith.cohort.plausibility import COLUMNS
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import FAILED, read_tsv, write_not_made, write_tsv
from angiolith.runtime.job import run, tell


def main(snakemake: Any) -> None:
    clinical = read_tsv(snakemake.input.clinical) if snakemake.input.get("clinical") else None
    unused = [] if clinical is None else list(clinical.loc[clinical["status"] == FAILED, "reason"])
    session_order = snakemake.params.settings.get("session_order", ())
    accounts, doubts = [], []
    for name, given in snakemake.params.settings["analyses"].items():
        analysis, files = Analysis.model_validate(given), snakemake.params.files[name]
        rows, steps, doubtful, counts = analysed(name, analysis, files["table"], unused, session_order)
        if rows is None:
            tell(f"{name}: {steps['reason'].iloc[1]}")
            write_not_made(files["data"])
        else:
            write_tsv(rows, files["data"])
            doubts.append(doubtful)
        accounts.append(steps)
        draw_flow(steps, "" if rows is None else unit_of(analysis), counts, name, files["flow"])
    write_tsv(pd.concat(accounts, ignore_index=True), snakemake.output.attrition)
    doubtful = pd.concat(doubts, ignore_index=True) if doubts else pd.DataFrame(columns=COLUMNS)
    write_tsv(doubtful, snakemake.output.doubts)


if __name__ == "__main__":
    run(main, snakemake)
