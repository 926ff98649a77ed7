rule check_images:
    input:
        images=session_images,
        sidecars=session_sidecars,
    output:
        checks=checks(),
    log:
        log("check_images"),
    benchmark:
        benchmark_path("check_images")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        settings=settings("check_images"),
        columns=lambda wildcards: image_columns(row_of(wildcards)),
        sidecars=lambda wildcards: sidecar_columns(row_of(wildcards)),
        notes=lambda wildcards: notes_of(row_of(wildcards)),
        code=code("check_images"),
    message:
        "check images: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/check_images.py"
