rule check_images:
    input:
        unpack(inputs_of("check_images")),
    output:
        **outputs_of("check_images"),
    log:
        log("check_images"),
    benchmark:
        benchmark_path("check_images")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=5,
    params:
        settings=settings("check_images"),
        columns=of_session(Session.images),
        sidecars=of_session(Session.sidecars_of_images),
        notes=of_session(Session.notes),
        code=code("check_images"),
    message:
        "check images: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/check_images.py"
