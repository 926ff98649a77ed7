"""Characteristics of an analysis' rows by group: the long table, and as it is printed."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.describe import describe
from angiolith.cohort.layout import printed_characteristics
from angiolith.cohort.publish import characteristics_notes, markdown, write_docx
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import atomic_path, write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    analysis = Analysis.model_validate(snakemake.params.settings["analysis"])
    found = read_analysed(snakemake.input.data, analysis)
    if found is None:
        write_not_made(*output)
        return
    data, analysis = found
    table = describe(
        data,
        analysis.describe,
        analysis.group or analysis.outcome or "",
        analysis.group_levels,
        analysis.number_test,
        analysis.count_test,
    )
    printed, notes = printed_characteristics(table), characteristics_notes(table)
    title = f"Characteristics: {snakemake.wildcards.analysis}"
    write_tsv(table, output.table1)
    write_tsv(printed, output.printed)
    with atomic_path(output.markdown) as temporary:
        temporary.write_text(markdown(printed, title, notes), encoding="utf-8")
    write_docx(printed, title, notes, output.docx)


if __name__ == "__main__":
    run(main, snakemake)
