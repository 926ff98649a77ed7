rule map_arteries:
    input:
        ct=image("ct"),
        checks=checks(),
        registration=session_file("ct", "desc-registration_qc.json"),
        mri=lambda wildcards: image(row_of(wildcards).reference)(wildcards) if has_mri(row_of(wildcards)) else [],
        ct_to_reference=to_reference("ct"),
        reference_to_template=between_template_and_reference("reference", "MNI152"),
        atlas=atlas_table(),
        mask=image("arteries"),
        mask_lookup=mask_lookup,
        mask_to_reference=mask_to_reference,
        angio=image("angio"),
        angio_to_reference=to_reference("angio"),
    output:
        labels=session_file("ct", "space-ct_desc-arteries_dseg.nii.gz"),
        lookup=session_file("ct", "space-ct_desc-arteries_dseg.tsv"),
        centrelines=session_file("ct", "space-ct_desc-centrelines.tsv"),
        facts=session_file("ct", "desc-arteries.json"),
    log:
        log("map_arteries"),
    benchmark:
        benchmark_path("map_arteries")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=settings("arteries.map", "arteries.region", "calcification.threshold"),
        mask_space=lambda wildcards: mask_space(row_of(wildcards)),
        code=code("map_arteries"),
    message:
        "map arteries: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/map_arteries.py"


rule segment_calcification:
    input:
        ct=image("ct"),
        checks=checks(),
        arteries=session_file("ct", "space-ct_desc-arteries_dseg.nii.gz"),
        centrelines=session_file("ct", "space-ct_desc-centrelines.tsv"),
        arteries_facts=session_file("ct", "desc-arteries.json"),
    output:
        lesions=session_file("ct", "space-ct_desc-calcification_dseg.nii.gz"),
        facts=session_file("ct", "desc-calcification.json"),
    log:
        log("segment_calcification"),
    benchmark:
        benchmark_path("segment_calcification")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=settings("arteries.region", "calcification.threshold", "calcification.segment"),
        code=code("segment_calcification"),
    message:
        "segment calcification: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/segment_calcification.py"


rule measure_calcification:
    input:
        ct=image("ct"),
        region=session_file("ct", "space-ct_desc-arteries_dseg.nii.gz"),
        lookup=session_file("ct", "space-ct_desc-arteries_dseg.tsv"),
        centrelines=session_file("ct", "space-ct_desc-centrelines.tsv"),
        lesions=session_file("ct", "space-ct_desc-calcification_dseg.nii.gz"),
        facts=session_file("ct", "desc-calcification.json"),
    output:
        lesions=session_file("ct", "desc-calcification_lesions.tsv"),
        arteries=session_file("ct", "desc-calcification_arteries.tsv"),
        patient=session_file("ct", "desc-calcification_patient.tsv"),
    log:
        log("measure_calcification"),
    benchmark:
        benchmark_path("measure_calcification")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=settings("calcification.measure", "calcification.grade", "severity"),
        code=code("measure_calcification"),
    message:
        "measure calcification: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_calcification.py"
