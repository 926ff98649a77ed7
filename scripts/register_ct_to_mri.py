"""Register the CT to the session's reference MRI, rigidly."""

from typing import Any

from angiolith.core.images import write_transform
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import write_json, write_not_made
from angiolith.registration.session import register_pair
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    out, settings = snakemake.output, step_settings(snakemake.params.settings, RigidSettings)
    transform, facts = register_pair(snakemake.input, snakemake.wildcards.reference, "ct", settings)
    if transform is None:
        write_not_made(out.transform)
    else:
        write_transform(transform, out.transform)
    write_json(facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
