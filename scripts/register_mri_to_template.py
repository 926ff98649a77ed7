"""Find the brain on the session's reference image (MRI, or a CT alone) and register it to the MNI152 template."""

from pathlib import Path
from typing import Any

from angiolith.brain.network import read_brain_model
from angiolith.brain.session import brain_and_transform
from angiolith.core.images import write_image, write_made, write_transform
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import write_json, write_not_made
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    given, settings, out = snakemake.input, snakemake.params.settings, snakemake.output
    found = brain_and_transform(
        given,
        snakemake.wildcards.reference,
        read_brain_model(Path(given.model[0]).parent),
        step_settings(settings, BrainSettings),
        step_settings(settings, BrainToolSettings),
        step_settings(settings, RigidSettings),
        step_settings(settings, TemplateReviewSettings),
    )
    if found.to_template and found.brain:
        write_transform(found.to_template.template_to_reference, out.to_template)
        write_transform(found.to_template.reference_to_template, out.from_template)
        write_image(found.brain.data, found.brain.affine, out.brain)
    else:
        write_not_made(out.to_template, out.from_template, out.brain)
    write_made(found.tissues, out.tissues)
    write_json(found.facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
