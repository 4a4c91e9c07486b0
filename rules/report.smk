# Tables and stores → the study's table and the report.


def coded_tables():
    return [
        PATHS.distortion(name, codec, rate, scene)
        for name in STUDY.run
        for codec, rates in STUDY.datasets[name].rates.items()
        for rate in rate_names(rates)
        for scene in SCENES[name]
    ]


def score_tables():
    return [
        table
        for name in STUDY.run
        for segmenter in STUDY.datasets[name].segmenters
        for seed in map(str, STUDY.seeds)
        for table in [
            PATHS.original_scores(name, segmenter, seed),
            *(
                PATHS.scores(name, codec, rate, segmenter, regime, seed)
                for regime, points in [
                    ("frozen", STUDY.datasets[name].rates),
                    ("retrained", STUDY.datasets[name].retrain),
                ]
                for codec, rates in points.items()
                for rate in rate_names(rates)
            ),
        ]
    ]


def report_inputs():
    """Every store and prediction that the report may show a tile of."""
    coded = [
        store
        for name in STUDY.run
        for codec, rates in STUDY.datasets[name].rates.items()
        for rate in rate_names(rates)
        for store in reconstructions(name, codec, rate)
    ]
    originals = [store for name in STUDY.run for store in stores(name)]
    maps = [PATHS.predictions(table) for table in score_tables() if "/retrained/" not in table]
    return [*ancient(originals + coded), *manifests(originals + coded), *maps]


rule collect_metrics:
    input:
        coded_tables(),
        score_tables(),
        [PATHS.trivial_scores(name) for name in STUDY.run],
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
        study=STUDY.selected().canonical(),
        code=code("collect_metrics"),
    message:
        "Collecting all figures"
    shell:
        "python scripts/collect_metrics.py --tables {input:q} --study {params.study:q}"
        " --metrics {output.metrics:q} --main-table {output.main_table:q} > {log:q} 2>&1"


rule write_report:
    input:
        metrics=PATHS.metrics(),
        template="workflow_lib/report/page.html.j2",
        scenes=[PATHS.scene(name, scene) for name in STUDY.run for scene in SCENES[name]],
        trivial=[PATHS.trivial_map(name) for name in STUDY.run],
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
        study=STUDY.selected().canonical(),
        code=code("write_report"),
    message:
        "Writing the report"
    shell:
        "python scripts/write_report.py --study {params.study:q} --target {output:q}"
        " > {log:q} 2>&1"
