rule detect_acute:
    input:
        unpack(inputs_of("detect_acute")),
    output:
        **outputs_of("detect_acute"),
    log:
        log("detect_acute"),
    benchmark:
        benchmark_path("detect_acute")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings("acute.detect", "acute.classify"),
        code=code("detect_acute"),
    message:
        "detect acute lesions on DWI: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_acute.py"


rule segment_wmh:
    input:
        unpack(inputs_of("segment_wmh")),
    output:
        **outputs_of("segment_wmh"),
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
        settings=settings("wmh.segment", "wmh_tool", "brain", "brain_tool"),
        code=code("segment_wmh"),
    message:
        "segment white matter hyperintensities: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/segment_wmh.py"


rule detect_microbleeds:
    input:
        unpack(inputs_of("detect_microbleeds")),
    output:
        **outputs_of("detect_microbleeds"),
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
        settings=settings("microbleeds.detect", "cmb_tool"),
        code=code("detect_microbleeds"),
    message:
        "detect microbleeds: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_microbleeds.py"


rule detect_lacunes:
    input:
        unpack(inputs_of("detect_lacunes")),
    output:
        **outputs_of("detect_lacunes"),
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
        settings=settings("lacunes.detect", "lacune_tool"),
        code=code("detect_lacunes"),
    message:
        "detect lacunes: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_lacunes.py"


rule decide_marks:
    input:
        unpack(inputs_of("decide_marks")),
    output:
        **outputs_of("decide_marks"),
    log:
        log("decide_marks"),
    benchmark:
        benchmark_path("decide_marks")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        settings=settings("microbleeds.count", "lacunes.count"),
        decisions=of_session(spot_decisions),
        code=code("decide_marks"),
    message:
        "apply decisions on marks: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/decide_marks.py"


rule detect_perivascular:
    input:
        unpack(inputs_of("detect_perivascular")),
    output:
        **outputs_of("detect_perivascular"),
    log:
        log("detect_perivascular"),
    benchmark:
        benchmark_path("detect_perivascular")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        settings=settings(
            "perivascular.count", "perivascular.detect", "perivascular.grade", "lacunes.detect", "pvs_tool"
        ),
        decisions=of_session(pvs_decisions),
        code=code("detect_perivascular"),
    message:
        "detect perivascular spaces: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/detect_perivascular.py"


rule measure_wmh:
    input:
        unpack(inputs_of("measure_wmh")),
    output:
        **outputs_of("measure_wmh"),
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
        settings=settings(
            "wmh.measure", "wmh.grade", "wmh.review", "microbleeds.review", "lacunes.review", "location.place"
        ),
        code=code("measure_wmh"),
    message:
        "measure white matter hyperintensities: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/measure_wmh.py"
