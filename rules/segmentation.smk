# Tiles and reconstructions → segmenters and their scores.


rule map_trivially:
    input:
        tiles=lambda w: ancient(stores(w.dataset)),
        manifests=lambda w: manifests(stores(w.dataset)),
    output:
        map=PATHS.trivial_map("{dataset}"),
        scores=PATHS.trivial_scores("{dataset}"),
    log:
        PATHS.log(PATHS.trivial_map("{dataset}")),
    benchmark:
        PATHS.benchmark(PATHS.trivial_map("{dataset}"))
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        code=code("map_trivially"),
    message:
        "Choosing the best trivial map of {wildcards.dataset}"
    shell:
        "python scripts/map_trivially.py --tiles {input.tiles:q} --map {output.map:q}"
        " --scores {output.scores:q} > {log:q} 2>&1"


rule train_on_originals:
    input:
        tiles=lambda w: ancient(stores(w.dataset)),
        manifests=lambda w: manifests(stores(w.dataset)),
    output:
        PATHS.original_segmenter("{dataset}", "{segmenter}", "{seed}"),
    log:
        PATHS.log(PATHS.original_segmenter("{dataset}", "{segmenter}", "{seed}")),
    benchmark:
        PATHS.benchmark(PATHS.original_segmenter("{dataset}", "{segmenter}", "{seed}"))
    priority: 10  # every frozen score waits for these
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        run=run_folder(
            "train_segmenter", PATHS.original_segmenter("{dataset}", "{segmenter}", "{seed}")
        ),
        threads=STUDY.threads,
        code=code("train_segmenter"),
    message:
        "Training {wildcards.segmenter} on originals of {wildcards.dataset},"
        " seed {wildcards.seed}"
    shell:
        "python scripts/train_segmenter.py --tiles {input.tiles:q}"
        " --segmenter {params.segmenter:q} --seed {wildcards.seed} --threads {params.threads}"
        " --run {params.run:q} --weights {output:q} > {log:q} 2>&1"


rule train_on_reconstructions:
    input:
        tiles=lambda w: ancient(stores(w.dataset)),
        reconstructions=lambda w: ancient(reconstructed(w)),
        manifests=lambda w: manifests(stores(w.dataset) + reconstructed(w)),
    output:
        PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", "{seed}"),
    log:
        PATHS.log(
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", "{seed}")
        ),
    benchmark:
        PATHS.benchmark(
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", "{seed}")
        )
    priority: 5
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        run=run_folder(
            "train_segmenter",
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", "{seed}"),
        ),
        threads=STUDY.threads,
        code=code("train_segmenter"),
    message:
        "Training {wildcards.segmenter} on {wildcards.dataset} coded by {wildcards.codec}"
        " at {wildcards.rate}, seed {wildcards.seed}"
    shell:
        "python scripts/train_segmenter.py --tiles {input.tiles:q}"
        " --reconstructions {input.reconstructions:q}"
        " --segmenter {params.segmenter:q} --seed {wildcards.seed} --threads {params.threads}"
        " --run {params.run:q} --weights {output:q} > {log:q} 2>&1"


rule score_on_originals:
    input:
        tiles=lambda w: ancient(stores(w.dataset)),
        manifests=lambda w: manifests(stores(w.dataset)),
        weights=PATHS.original_segmenter("{dataset}", "{segmenter}", "{seed}"),
    output:
        scores=PATHS.original_scores("{dataset}", "{segmenter}", "{seed}"),
        predictions=PATHS.predictions(PATHS.original_scores("{dataset}", "{segmenter}", "{seed}")),
    log:
        PATHS.log(PATHS.original_scores("{dataset}", "{segmenter}", "{seed}")),
    benchmark:
        PATHS.benchmark(PATHS.original_scores("{dataset}", "{segmenter}", "{seed}"))
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        threads=STUDY.threads,
        code=code("score_segmenter"),
    message:
        "Scoring {wildcards.segmenter} on originals of {wildcards.dataset}"
    shell:
        "python scripts/score_segmenter.py --tiles {input.tiles:q} --weights {input.weights:q}"
        " --regime original --segmenter {wildcards.segmenter:q} --seed {wildcards.seed}"
        " --threads {params.threads} --scores {output.scores:q}"
        " --predictions {output.predictions:q} > {log:q} 2>&1"


rule score_on_reconstructions:
    input:
        tiles=lambda w: ancient(stores(w.dataset)),
        reconstructions=lambda w: ancient(reconstructed(w)),
        manifests=lambda w: manifests(stores(w.dataset) + reconstructed(w)),
        weights=segmenter_of,
    output:
        scores=PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", "{seed}"),
        predictions=PATHS.predictions(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", "{seed}")
        ),
    log:
        PATHS.log(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", "{seed}")
        ),
    benchmark:
        PATHS.benchmark(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", "{seed}")
        )
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        threads=STUDY.threads,
        code=code("score_segmenter"),
    message:
        "Scoring {wildcards.segmenter} ({wildcards.regime}) on {wildcards.dataset}"
        " coded by {wildcards.codec} at {wildcards.rate}"
    shell:
        "python scripts/score_segmenter.py --tiles {input.tiles:q}"
        " --reconstructions {input.reconstructions:q} --weights {input.weights:q}"
        " --codec {wildcards.codec:q} --rate {wildcards.rate} --regime {wildcards.regime}"
        " --segmenter {wildcards.segmenter:q} --seed {wildcards.seed} --threads {params.threads}"
        " --scores {output.scores:q} --predictions {output.predictions:q} > {log:q} 2>&1"
