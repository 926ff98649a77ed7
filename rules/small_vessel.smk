rule segment_wmh:
    input:
        FLAIR=image("FLAIR"),
        T1w=for_wmh_tool("T1w"),
        wmh=image("wmh"),
        weights=wmh_tool_weights(),
        model=wmh_model(),
        checks=checks(),
        brain=brain_mask(),
        from_template=between_template_and_reference("MNI152", "reference"),
        template_facts=template_facts(),
        FLAIR_to_reference=to_reference("FLAIR"),
        FLAIR_to_reference_facts=to_reference("FLAIR", ".json"),
    output:
        mask=session_file("anat", "space-FLAIR_desc-wmh_mask.nii.gz"),
        tissues=session_file("anat", "space-FLAIR_desc-tissues_dseg.nii.gz"),
        facts=session_file("anat", "desc-wmh.json"),
    log:
        log("segment_wmh"),
    benchmark:
        benchmark_path("segment_wmh")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings("wmh.segment", "wmh_tool"),
        code=code("segment_wmh"),
    message:
        "segment white matter hyperintensities: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/segment_wmh.py"


rule detect_microbleeds:
    input:
        swi=image("swi"),
        T2starw=image("T2starw"),
        ct=image("ct"),
        checks=checks(),
        brain=brain_mask(),
        from_template=between_template_and_reference("MNI152", "reference"),
        template_facts=template_facts(),
        swi_to_reference=to_reference("swi"),
        swi_to_reference_facts=to_reference("swi", ".json"),
        T2starw_to_reference=to_reference("T2starw"),
        T2starw_to_reference_facts=to_reference("T2starw", ".json"),
        ct_to_reference=to_reference("ct"),
    output:
        table=session_file("anat", "desc-microbleeds.tsv"),
        labels=session_file("anat", "desc-microbleeds_dseg.nii.gz"),
        facts=session_file("anat", "desc-microbleeds.json"),
    log:
        log("detect_microbleeds"),
    benchmark:
        benchmark_path("detect_microbleeds")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings("microbleeds.detect"),
        code=code("detect_microbleeds"),
    message:
        "detect microbleeds: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_microbleeds.py"


rule detect_lacunes:
    input:
        FLAIR=image("FLAIR"),
        T1w=image("T1w"),
        checks=checks(),
        brain=brain_mask(),
        from_template=between_template_and_reference("MNI152", "reference"),
        template_facts=template_facts(),
        FLAIR_to_reference=to_reference("FLAIR"),
        FLAIR_to_reference_facts=to_reference("FLAIR", ".json"),
    output:
        table=session_file("anat", "desc-lacunes.tsv"),
        labels=session_file("anat", "desc-lacunes_dseg.nii.gz"),
        facts=session_file("anat", "desc-lacunes.json"),
    log:
        log("detect_lacunes"),
    benchmark:
        benchmark_path("detect_lacunes")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings("lacunes.detect"),
        code=code("detect_lacunes"),
    message:
        "detect lacunes: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_lacunes.py"


rule measure_wmh:
    input:
        mask=made_from("FLAIR", "anat", "space-FLAIR_desc-wmh_mask.nii.gz"),
        tissues=made_from("FLAIR", "anat", "space-FLAIR_desc-tissues_dseg.nii.gz"),
        wmh_facts=made_from("FLAIR", "anat", "desc-wmh.json"),
        brain=brain_mask(),
        microbleed_facts=of_row(
            lambda row: (row.get("swi") or row.get("T2starw")) and session_file("anat", "desc-microbleeds.json")
        ),
        lacune_facts=made_from("FLAIR", "anat", "desc-lacunes.json"),
    output:
        metrics=session_file("anat", "desc-smallvessel_metrics.tsv"),
    log:
        log("measure_wmh"),
    benchmark:
        benchmark_path("measure_wmh")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        settings=settings("wmh.measure", "wmh.grade", "wmh.review", "microbleeds.review", "lacunes.review"),
        code=code("measure_wmh"),
    message:
        "measure white matter hyperintensities: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_wmh.py"
