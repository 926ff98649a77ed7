rule measure_change:
    input:
        unpack(inputs_of("measure_change")),
    output:
        **outputs_of("measure_change"),
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
        settings=settings("change", "registration.rigid", "brain", "wmh.segment", "wmh.measure", "microbleeds.detect"),
        sessions=of_visits(sessions_of),
        acq_times=of_visits(acq_times),
        references=of_visits(references),
        code=code("measure_change"),
    message:
        "measure change between visits: sub-{wildcards.subject}"
    script:
        "../scripts/measure_change.py"
