"""Characteristics of an analysis' rows by group: the long table, and as it is printed."""

from typing import Any

from angiolith.cohort.attrition import independent_rows
from angiolith.cohort.dataset import applies_of, read_analysed
from angiolith.cohort.describe import describe
from angiolith.cohort.layout import characteristics_cells
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.publish import characteristics_notes, with_addresses, write_printed
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    analysis = Analysis.model_validate(snakemake.params.settings["analysis"])
    found = read_analysed(snakemake.input.data, analysis)
    if found is None:
        write_not_made(output.table1, *output.printed)
        return
    data, analysis = found
    rows, note = independent_rows(data, analysis.kind)
    table = describe(
        rows,
        [*analysis.describe, *([analysis.site] if analysis.site and analysis.site not in analysis.describe else [])],
        analysis.group or analysis.outcome or "",
        analysis.group_levels,
        analysis.number_test,
        analysis.count_test,
        applies_of(rows, analysis),
    )
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    notes = [*characteristics_notes(table), *([note] if note else [])]
    write_tsv(table, output.table1)
    title = f"Characteristics: {analysis.title or snakemake.wildcards.analysis}"
    cells = characteristics_cells(with_addresses(table, output.table1), labels)
    write_printed(cells, title, notes, output.printed)


if __name__ == "__main__":
    run(main, snakemake)
