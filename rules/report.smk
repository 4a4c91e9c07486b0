# Tables and stores → the study's table, its findings and the report.


rule collect_metrics:
    input:
        PLAN.distortion_tables(),
        PLAN.score_tables(),
        PLAN.baseline_tables(),
    output:
        metrics=PATHS.metrics(),
        main_table=PATHS.main_table(),
    log:
        PATHS.log(PATHS.metrics()),
    benchmark:
        PATHS.benchmark(PATHS.metrics())
    resources:
        mem_mb=each_attempt(2000),
        runtime=each_attempt(15),
    params:
        job=record("collect_metrics", code("collect_metrics")),
        infos=lambda w: json.dumps({name: PLAN.info(name).model_dump() for name in STUDY.run}),
    message:
        "Collecting all rates, distortions and scores"
    shell:
        # A list of thousands of files is too long for a command line.
        command(
            "collect_metrics",
            "--infos {params.infos:q} --metrics {output.metrics:q}"
            " --main-table {output.main_table:q} < <(printf '%s\\n' {input:q})",
        )


rule judge_study:
    input:
        PATHS.metrics(),
    output:
        PATHS.findings(),
    log:
        PATHS.log(PATHS.findings()),
    benchmark:
        PATHS.benchmark(PATHS.findings())
    resources:
        mem_mb=each_attempt(2000),
        runtime=each_attempt(30),
    params:
        job=record("judge_study", code("judge_study", *PLAN.codec_files())),
        study=lambda w: STUDY.judged().canonical(),
    message:
        "Judging the claims"
    shell:
        command(
            "judge_study",
            "--study {params.study:q} --metrics {input:q} --findings {output:q}",
        )


rule write_report:
    input:
        metrics=PATHS.metrics(),
        findings=PATHS.findings(),
        templates=sorted(map(os.path.relpath, (BASE / "workflow_lib/report").rglob("*.j2"))),
        scenes=PLAN.scene_files(),
        shown=PLAN.shown_files(),
    output:
        PATHS.report(),
    log:
        PATHS.log(PATHS.report()),
    benchmark:
        PATHS.benchmark(PATHS.report())
    resources:
        mem_mb=each_attempt(3000),
        runtime=each_attempt(15),
    params:
        job=record("write_report", code("write_report", *PLAN.codec_files())),
        study=lambda w: STUDY.reported().canonical(),
    message:
        "Writing the report"
    shell:
        command(
            "write_report",
            "--study {params.study:q} --target {output:q}",
        )
