"""Detect lacunes on T1w and FLAIR; the label map lies on the native FLAIR grid, the table's points in T1w space."""

from typing import Any

import pandas as pd

from angiolith.core.images import write_image
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import OK, write_json, write_not_made, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.lacunes.detect import COLUMNS
from angiolith.small_vessel.lacunes.session import lacunes_of
from angiolith.small_vessel.session import NotMeasured


def main(snakemake: Any) -> None:
    out = snakemake.output
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    try:
        found, labels = lacunes_of(snakemake.input, step_settings(snakemake.params.settings, LacuneDetectSettings))
    except NotMeasured as problem:
        write_tsv(pd.DataFrame(columns=[*keys, *COLUMNS]), out.table)
        write_not_made(out.labels)
        write_json({**keys, "status": problem.status, "reason": problem.reason, "n_lacunes": None}, out.facts)
        return
    write_tsv(found.assign(**keys)[[*keys, *COLUMNS]], out.table)
    write_image(labels.data, labels.affine, out.labels)
    write_json({**keys, "status": OK, "reason": "", "n_lacunes": len(found)}, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
