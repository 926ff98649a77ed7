"""Agreement between readers, and between readers and the tool."""

from typing import Any

import pandas as pd

from angiolith.cohort.agreement import agreement
from angiolith.cohort.agreement_picture import COLUMNS_IN_PRINT, bland_altman_figure
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.ratings import rated_things
from angiolith.cohort.vector_figure import save_vector
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv, write_tsv
from angiolith.pictures.canvas import write_png
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    sources = rated_things(read_tsv(snakemake.input.ratings)) if snakemake.input.get("ratings") else {}
    tables = [agreement(source, measures) for source, measures in sources.items()]
    for name, given in snakemake.params.settings["analyses"].items():
        found = read_analysed(snakemake.params.data[name], Analysis.model_validate(given))
        if found is not None:
            data, analysis = found
            sources[name] = {measure: data[raters] for measure, raters in analysis.agreement.items()}
            tables.append(agreement(name, sources[name], analysis.agreement_design, data))
    write_tsv(pd.concat([agreement("", {}), *tables], ignore_index=True), snakemake.output.agreement)
    write_png(bland_altman_figure(sources), snakemake.output.plots)
    save_vector(bland_altman_figure(sources, COLUMNS_IN_PRINT), snakemake.output.vector)


if __name__ == "__main__":
    run(main, snakemake)
