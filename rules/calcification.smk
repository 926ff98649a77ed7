rule map_arteries:
    input:
        unpack(inputs_of("map_arteries")),
    output:
        **outputs_of("map_arteries"),
    log:
        log("map_arteries"),
    benchmark:
        benchmark_path("map_arteries")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        settings=settings("arteries.map", "arteries.region", "artery_tool", "calcification.threshold"),
        mask_space=of_session(mask_space),
        code=code("map_arteries"),
    message:
        "map arteries: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/map_arteries.py"


rule segment_calcification:
    input:
        unpack(inputs_of("segment_calcification")),
    output:
        **outputs_of("segment_calcification"),
    log:
        log("segment_calcification"),
    benchmark:
        benchmark_path("segment_calcification")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
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
        unpack(inputs_of("measure_calcification")),
    output:
        **outputs_of("measure_calcification"),
    log:
        log("measure_calcification"),
    benchmark:
        benchmark_path("measure_calcification")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        settings=settings("calcification.count", "calcification.measure", "calcification.grade", "severity"),
        decisions=of_session(decisions),
        code=code("measure_calcification"),
    message:
        "measure calcification: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_calcification.py"
