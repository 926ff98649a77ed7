"""Join all measures, the participants and the ratings into the cohort's tables."""

from typing import Any

from angiolith.cohort.gather import Rules, gather
from angiolith.core.settings.burden import CaaScoreSettings, SvdScoreSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.vessel_wall import CulpritSettings
from angiolith.core.tables import write_tsv
from angiolith.runtime.job import run, tell


def main(snakemake: Any) -> None:
    params, out = snakemake.params, snakemake.output
    settings = params.settings
    rules = Rules(
        step_settings(settings, CulpritSettings),
        step_settings(settings, SvdScoreSettings),
        step_settings(settings, CaaScoreSettings),
    )
    found = gather(snakemake.input, settings["subjects"], params.pairs, rules)
    write_tsv(found.patients, out.patients)
    write_tsv(found.lesions, out.lesions)
    write_tsv(found.change, out.change)
    write_tsv(found.ratings, out.ratings)
    write_tsv(found.marks, out.marks)
    write_tsv(found.clinical, out.clinical)
    write_tsv(found.burden, out.burden)
    for reason in found.clinical["reason"].dropna():
        tell(f"left out: {reason}")


if __name__ == "__main__":
    run(main, snakemake)
