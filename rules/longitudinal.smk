rule measure_change:
    input:
        **both_visits(
            **{name: reference_image(name) for name in REFERENCES if name not in ("FLAIR", "swi", "T2starw")},
            FLAIR=image("FLAIR"),
            swi=image("swi"),
            T2starw=image("T2starw"),
            wmh=wmh_from_elsewhere(),
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
            smallvessel=made_from("FLAIR", "anat", "desc-smallvessel_metrics.tsv"),
            calcification=made_from("ct", "ct", "desc-calcification_patient.tsv"),
        ),
        wmh_model=wmh_model(),
    output:
        change=subject_file("desc-change_metrics.tsv"),
        lesions=subject_file("space-halfway_desc-wmhchange_dseg.nii.gz"),
        motion=subject_file("from-last_to-first_mode-image_xfm.tfm"),
    log:
        log("measure_change", "subject"),
    benchmark:
        benchmark_path("measure_change", "subject")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        settings=settings("change", "registration.rigid", "wmh.segment", "wmh.measure", "microbleeds.detect"),
        sessions=lambda wildcards: list(PAIRS[wildcards.subject]),
        acq_times=lambda wildcards: [row.get("acq_time") for row in visit_rows(wildcards)],
        references=lambda wildcards: [row.reference for row in visit_rows(wildcards)],
        code=code("measure_change"),
    message:
        "measure change between visits: sub-{wildcards.subject}"
    script:
        "../scripts/measure_change.py"
