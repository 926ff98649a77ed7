"""Find acute lesions on DWI and ADC, on the DWI's grid, and say what they may be."""

from typing import Any

import pandas as pd

from angiolith.core.images import write_made
from angiolith.core.settings.acute import AcuteClassifySettings, AcuteDetectSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import write_json, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.acute.session import acute_of


def main(snakemake: Any) -> None:
    out, settings = snakemake.output, snakemake.params.settings
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    found = acute_of(
        snakemake.input,
        step_settings(settings, AcuteDetectSettings),
        step_settings(settings, AcuteClassifySettings),
    )
    write_tsv(found.table.assign(**keys)[[*keys, *found.table.columns]], out.table)
    write_made(found.labels, out.labels)
    write_json({**keys, **found.facts}, out.facts)
    write_tsv(pd.DataFrame([keys | found.row]), out.metrics)


if __name__ == "__main__":
    run(main, snakemake)
