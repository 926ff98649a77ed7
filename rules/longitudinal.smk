from collections import namedtuple

Visit = namedtuple("Visit", "subject session")


def of_visit(which, make):
    """Input function: what an input function of one session gives for the subject's first (0) or last (1) visit."""

    def paths(wildcards):
        return make(Visit(wildcards.subject, PAIRS[wildcards.subject][which]))

    return paths


def both_visits(**functions):
    """The same inputs for both visits, as `<name>_first` and `<name>_second`."""
    return {
        f"{name}_{visit}": of_visit(which, function)
        for name, function in functions.items()
        for which, visit in enumerate(("first", "second"))
    }


def visit_rows(wildcards):
    return [ROW[wildcards.subject, session] for session in PAIRS[wildcards.subject]]


def reference_image(name):
    """Input function: the image of this column where it is what the session's visits are registered by."""
    return lambda wildcards: image(name)(wildcards) if row_of(wildcards).reference == name else []


rule measure_change:
    input:
        **both_visits(
            **{name: reference_image(name) for name in REFERENCES if name != "FLAIR"},
            FLAIR=image("FLAIR"),
            wmh=image("wmh"),
            checks=of_row(lambda row: checks()),
            brain=brain_mask(),
            from_template=between_template_and_reference("MNI152", "reference"),
            template_facts=template_facts(),
            FLAIR_to_reference=to_reference("FLAIR"),
            FLAIR_to_reference_facts=to_reference("FLAIR", ".json"),
            swi_to_reference=to_reference("swi"),
            swi_to_reference_facts=to_reference("swi", ".json"),
            T2starw_to_reference=to_reference("T2starw"),
            T2starw_to_reference_facts=to_reference("T2starw", ".json"),
            microbleed_table=of_row(
                lambda row: (row.get("swi") or row.get("T2starw")) and session_file("anat", "desc-microbleeds.tsv")
            ),
            microbleed_facts=of_row(
                lambda row: (row.get("swi") or row.get("T2starw")) and session_file("anat", "desc-microbleeds.json")
            ),
            lacune_table=made_from("FLAIR", "anat", "desc-lacunes.tsv"),
            lacune_facts=made_from("FLAIR", "anat", "desc-lacunes.json"),
            calcification=made_from("ct", "ct", "desc-calcification_patient.tsv"),
        ),
    output:
        change=subject_file("desc-change_metrics.tsv"),
    log:
        log("measure_change", "subject"),
    benchmark:
        benchmark_path("measure_change", "subject")
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        settings=settings("wmh", "change", "registration"),
        sessions=lambda wildcards: list(PAIRS[wildcards.subject]),
        acq_times=lambda wildcards: [row.get("acq_time") for row in visit_rows(wildcards)],
        references=lambda wildcards: [row.reference for row in visit_rows(wildcards)],
        code=code("measure_change"),
    message:
        "measure change between visits: sub-{wildcards.subject}"
    script:
        "../scripts/measure_change.py"
