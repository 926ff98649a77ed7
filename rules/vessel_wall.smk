rule trace_wall:
    input:
        unpack(inputs_of("trace_wall")),
    output:
        **outputs_of("trace_wall"),
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
        unpack(inputs_of("measure_plaque")),
    output:
        **outputs_of("measure_plaque"),
    log:
        log("measure_plaque"),
    benchmark:
        benchmark_path("measure_plaque")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2500),
        runtime=10,
    params:
        settings=settings("vessel_wall.measure", "vessel_wall.grade", "vessel_wall.consensus"),
        decisions=of_session(plaque_decisions),
        code=code("measure_plaque"),
    message:
        "measure plaque: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_plaque.py"
