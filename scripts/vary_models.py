"""One association under every variant of a declared grid: the specification curve and its summary."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.robustness.curve_picture import draw_specifications
from angiolith.cohort.robustness.specifications import specification_summary, specifications
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv, write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    grid = None if found is None else found[1].specifications
    if found is None or grid is None:
        write_not_made(*output)
        return
    data, analysis = found
    made = specifications(data, analysis, grid, {name: read_tsv(path) for name, path in grid.sources.items()})
    write_tsv(made, output.specifications)
    write_tsv(specification_summary(made), output.summary)
    draw_specifications(made, output.figure)


if __name__ == "__main__":
    run(main, snakemake)
