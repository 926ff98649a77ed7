def session_images(wildcards):
    """Every image of the subject-session."""
    return list(image_columns(wildcards).values())


def image_columns(wildcards):
    """Column -> path of every image of the subject-session."""
    row = row_of(wildcards)
    return {column: image_of(row, column) for column in IMAGE_COLUMNS if column in row.values}


rule check_images:
    input:
        images=session_images,
    output:
        checks=checks(),
    log:
        log("check_images"),
    benchmark:
        benchmark_path("check_images")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        settings=settings("check_images"),
        columns=image_columns,
        code=code("check_images"),
    message:
        "check images: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/check_images.py"
