rule trace_wall:
    input:
        vwi=image("vwi"),
        points=image("wall_points"),
        checks=checks(),
    output:
        labels=session_file("vwi", "desc-tool_dseg.nii.gz"),
        facts=session_file("vwi", "desc-tool_dseg.json"),
    log:
        log("trace_wall"),
    benchmark:
        benchmark_path("trace_wall")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=settings("vessel_wall.trace"),
        code=code("trace_wall"),
    message:
        "trace wall: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/trace_wall.py"


rule measure_plaque:
    input:
        **{f"wall_{reader}": where_drawn(image(f"wall_{reader}")) for reader in WALL_READERS},
        vwi=image("vwi"),
        vwi_ce=where_drawn(image("vwi_ce")),
        wall_tool=of_row(lambda row: is_traced(row) and session_file("vwi", "desc-tool_dseg.nii.gz")),
        wall_tool_facts=of_row(lambda row: is_traced(row) and session_file("vwi", "desc-tool_dseg.json")),
        checks=where_drawn(lambda wildcards: session_file("", "desc-check_images.json").format(**wildcards)),
        ct=where_drawn(image("ct")),
        arteries=of_ct("space-ct_desc-arteries_dseg.nii.gz"),
        artery_names=of_ct("space-ct_desc-arteries_dseg.tsv"),
        calcification=of_ct("space-ct_desc-calcification_dseg.nii.gz"),
        calcification_lesions=of_ct("desc-calcification_lesions.tsv"),
        ct_to_reference=where_drawn(to_reference("ct")),
        registration=of_ct("desc-registration_qc.json"),
        vwi_to_reference=where_drawn(to_reference("vwi")),
        vwi_to_reference_facts=where_drawn(to_reference("vwi", ".json")),
        vwi_ce_to_reference=where_drawn(to_reference("vwi_ce")),
    output:
        metrics=session_file("vwi", "desc-plaque_metrics.tsv"),
        contours=session_file("vwi", "desc-plaque_contours.tsv"),
        consensus=session_file("vwi", "desc-plaque_consensus.tsv"),
    log:
        log("measure_plaque"),
    benchmark:
        benchmark_path("measure_plaque")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings("vessel_wall.measure", "vessel_wall.grade", "vessel_wall.consensus"),
        code=code("measure_plaque"),
    message:
        "measure plaque: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_plaque.py"
