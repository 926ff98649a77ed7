"""Judge the CT's registration by other means than those that made it."""

from typing import Any

from angiolith.core.images import read_ct, read_mri, read_transform
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import join_reasons, read_json, was_made, worst_status, write_json
from angiolith.registration.alignment import alignment_measures
from angiolith.registration.rigid import second_search_mm
from angiolith.registration.session import judge
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    given = snakemake.input
    settings = step_settings(snakemake.params.settings, RegistrationReviewSettings)
    template = read_json(given.template)
    content: dict[str, Any] = {"template": template}
    content |= dict.fromkeys(("restart_spread_mm", "head_overlap", "bone_contrast", "second_search_mm"))
    if not given.get("transform"):  # no MRI: the CT itself went to the template
        content |= {"reference": "MNI152", "status": template["status"], "reason": template["reason"]}
    else:
        facts = read_json(given.facts)
        status, reason = facts["status"], facts["reason"]
        content |= {"reference": facts["fixed"], "restart_spread_mm": facts["restart_spread_mm"]}
        if was_made(given.transform):
            ct, mri, transform = read_ct(given.ct), read_mri(given.mri), read_transform(given.transform)
            measures = alignment_measures(ct, mri, transform)
            rigid = step_settings(snakemake.params.settings, RigidSettings)
            measures["second_search_mm"] = second_search_mm(mri, ct, transform, rigid)
            judged, why = judge(measures, settings)
            content |= {name: round(value, 4) for name, value in measures.items()}
            status, reason = worst_status(status, judged), join_reasons(reason, why)
        content |= {"status": status, "reason": reason or None}
    write_json(content, snakemake.output.checks)


if __name__ == "__main__":
    run(main, snakemake)
