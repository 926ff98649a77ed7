"""Register the session's reference image (MRI, or a CT alone) to the MNI152 template; find the brain."""

from typing import Any

from angiolith.brain.template import register_to_template
from angiolith.core.images import read_ct, read_image, write_image, write_transform
from angiolith.core.inputs import refusal
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import FAILED, read_json, write_json, write_not_made
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    reference, out = snakemake.wildcards.reference, snakemake.output
    reason = refusal(read_json(snakemake.input.checks), reference)
    if not reason:
        image = (read_ct if reference == "ct" else read_image)(snakemake.input.reference)
        try:
            settings = snakemake.params.settings
            rigid, limits = step_settings(settings, RigidSettings), step_settings(settings, TemplateReviewSettings)
            result = register_to_template(image, reference == "ct", rigid, limits)
            reason = (result.reason or "") if result.status == FAILED else ""
        except ValueError as error:
            reason = str(error)
    if reason:
        write_not_made(out.to_template, out.from_template, out.brain)
        write_json({"status": FAILED, "reason": reason, "reference": reference}, out.facts)
        return
    write_transform(result.template_to_reference, out.to_template)
    write_transform(result.reference_to_template, out.from_template)
    write_image(result.brain, image.affine, out.brain)
    facts = {"status": result.status, "reason": result.reason, "reference": reference, "match": round(result.match, 4)}
    write_json(facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
