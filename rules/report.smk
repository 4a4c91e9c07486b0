# Tables and stores → the study's table and the report.


rule collect_metrics:
    input:
        coded_tables(),
        score_tables(),
        baseline_tables(),
    output:
        metrics=PATHS.metrics(),
        main_table=PATHS.main_table(),
    log:
        PATHS.log(PATHS.metrics()),
    benchmark:
        PATHS.benchmark(PATHS.metrics())
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        job=record("collect_metrics"),
        infos=lambda w: json.dumps(
            {
                name: describe(name, STUDY.datasets[name], STUDY.bands(name)).model_dump()
                for name in STUDY.run
            }
        ),
        code=code("collect_metrics"),
    message:
        "Collecting all figures"
    shell:
        # a list of thousands of files is too long for a command line
        script(
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
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        job=record("judge_study"),
        study=lambda w: STUDY.judged().canonical(),
        code=study_code("judge_study"),
    message:
        "Judging the claims"
    shell:
        script(
            "judge_study",
            "--study {params.study:q} --metrics {input:q} --findings {output:q}",
        )


rule write_report:
    input:
        metrics=PATHS.metrics(),
        findings=PATHS.findings(),
        templates=sorted(map(str, Path("workflow_lib/report").rglob("*.j2"))),
        scenes=[PATHS.scene(name, scene) for name in STUDY.run for scene in SCENES[name]],
        shown=report_inputs(),
    output:
        PATHS.report(),
    log:
        PATHS.log(PATHS.report()),
    benchmark:
        PATHS.benchmark(PATHS.report())
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(3000),
        runtime=minutes(15),
    params:
        job=record("write_report"),
        study=lambda w: STUDY.reported().canonical(),
        code=study_code("write_report"),
    message:
        "Writing the report"
    shell:
        script(
            "write_report",
            "--study {params.study:q} --target {output:q}",
        )
