"""Change between two visits by group, how severity goes with it, and the size of a study to come."""

from typing import Any

from angiolith.cohort.change import change_table
from angiolith.cohort.dataset import overall_severity, read_analysed
from angiolith.cohort.power import power_table
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    analysis = Analysis.model_validate(snakemake.params.settings["analysis"])
    found = read_analysed(snakemake.input.data, analysis)
    if found is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    severity = overall_severity(data, analysis)
    table = change_table(
        data,
        analysis.changes,
        severity,
        analysis.group,
        analysis.group_levels,
        analysis.change_covariates,
        analysis.references,
        analysis.number_test,
        analysis.partial_for,
    )
    write_tsv(table, snakemake.output.change)
    write_tsv(power_table(data, analysis.changes, severity, analysis.power), snakemake.output.power)


if __name__ == "__main__":
    run(main, snakemake)
