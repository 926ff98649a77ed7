"""Apply every analysis' criteria: the rows that are analysed, and an account of all others, as a table and pictures.

An analysis whose table cannot be used is not made, and its account says why; the others are.
"""

from typing import Any

import pandas as pd

from angiolith.cohort.account import analysed, unit_of
from angiolith.cohort.flow import draw_flow
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import FAILED, read_tsv, write_not_made, write_tsv
from angiolith.runtime.job import run, tell


def main(snakemake: Any) -> None:
    clinical = read_tsv(snakemake.input.clinical) if snakemake.input.get("clinical") else None
    unused = [] if clinical is None else list(clinical.loc[clinical["status"] == FAILED, "reason"])
    session_order = snakemake.params.settings.get("session_order", ())
    found = {}
    for name, given in snakemake.params.settings["analyses"].items():
        analysis, files = Analysis.model_validate(given), snakemake.params.files[name]
        result = found[name] = analysed(name, analysis, files["table"], unused, session_order)
        if result.rows is None:
            tell(f"{name}: {result.steps['reason'].iloc[1]}")
            write_not_made(files["data"])
        else:
            write_tsv(result.rows, files["data"])
        for row in result.missing.itertuples(index=False):
            tell(f"{name}: {row.column}: {row.problem}; left out: {row.left_out}")
        unit = "" if result.rows is None else unit_of(analysis)
        counts = result.counts.rename(index=analysis.labels)
        draw_flow(result.steps, unit, counts, analysis.title or name, files["flow"])
    out = snakemake.output
    write_tsv(pd.concat([each.steps for each in found.values()], ignore_index=True), out.attrition)
    write_tsv(pd.concat([each.doubtful for each in found.values()], ignore_index=True), out.doubts)
    write_tsv(pd.concat([each.missing for each in found.values()], ignore_index=True), out.missing)


if __name__ == "__main__":
    run(main, snakemake)
