# Tiles and reconstructions → segmenters and their scores.


rule fit_threshold_baseline:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
    output:
        map=PATHS.threshold_baseline("{dataset}", "{fold}"),
        scores=PATHS.baseline_scores("{dataset}", "{fold}"),
    log:
        PATHS.log(PATHS.threshold_baseline("{dataset}", "{fold}")),
    benchmark:
        PATHS.benchmark(PATHS.threshold_baseline("{dataset}", "{fold}"))
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(4000),
        runtime=minutes(15),
    params:
        job=record("fit_threshold_baseline"),
        tiles=lambda w: stores(w.dataset),
        code=code("fit_threshold_baseline"),
    message:
        "Choosing the threshold baseline of {wildcards.dataset}, fold {wildcards.fold} held out"
    shell:
        script(
            "fit_threshold_baseline",
            "--tiles {params.tiles:q} --held-out {wildcards.fold} --map {output.map:q}"
            " --scores {output.scores:q}",
        )


rule train_on_originals:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
    output:
        PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE),
    log:
        PATHS.log(PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE)),
    benchmark:
        PATHS.benchmark(PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE))
    priority: 10  # every frozen score waits for these
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("train_on_originals"),
        tiles=lambda w: stores(w.dataset, learned_from(w.fold)),
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        run=run_folder(
            "train_segmenter", PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE)
        ),
        threads=STUDY.threads,
        device=STUDY.device,
        code=code("train_segmenter"),
    message:
        "Training {wildcards.segmenter} on originals of {wildcards.dataset},"
        " fold {wildcards.fold} held out, seed {wildcards.seed}"
    shell:
        script(
            "train_segmenter",
            "--tiles {params.tiles:q} --segmenter {params.segmenter:q}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --device {params.device} --run {params.run:q} --weights {output:q}",
        )


rule train_on_reconstructions:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
        reconstructions=gathered_learned_from,
    output:
        PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", REPLICATE),
    log:
        PATHS.log(
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", REPLICATE)
        ),
    benchmark:
        PATHS.benchmark(
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", REPLICATE)
        )
    priority: 5
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("train_on_reconstructions"),
        tiles=lambda w: stores(w.dataset, learned_from(w.fold)),
        reconstructions=lambda w: reconstructions(
            w.dataset, w.codec, w.rate, seen_by(w), learned_from(w.fold)
        ),
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        run=run_folder(
            "train_segmenter",
            PATHS.retrained_segmenter("{dataset}", "{codec}", "{rate}", "{segmenter}", REPLICATE),
        ),
        threads=STUDY.threads,
        device=STUDY.device,
        code=code("train_segmenter"),
    message:
        "Training {wildcards.segmenter} on {wildcards.dataset} coded by {wildcards.codec}"
        " at {wildcards.rate}, fold {wildcards.fold} held out, seed {wildcards.seed}"
    shell:
        script(
            "train_segmenter",
            "--tiles {params.tiles:q} --reconstructions {params.reconstructions:q}"
            " --segmenter {params.segmenter:q} --held-out {wildcards.fold}"
            " --seed {wildcards.seed} --threads {params.threads} --device {params.device}"
            " --run {params.run:q} --weights {output:q}",
        )


FINETUNED_CODEC = PATHS.codec_weights(
    "{dataset}", "{codec}", "{rate}", finetuned_training(REPLICATE, "{regime}", "{segmenter}")
)
FINETUNED_SEGMENTER = PATHS.finetuned_segmenter(
    "{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", REPLICATE
)
CHOICE = PATHS.finetuning_choice(FINETUNED_SEGMENTER)


rule finetune:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
        codec=standalone_weights,
        segmenter=PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE),
    output:
        codec=FINETUNED_CODEC,
        segmenter=FINETUNED_SEGMENTER,
        choice=CHOICE,
    log:
        PATHS.log(CHOICE),
    benchmark:
        PATHS.benchmark(CHOICE)
    wildcard_constraints:
        regime="joint|control",
    priority: 7
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(6000),
        runtime=minutes(240),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("finetune"),
        tiles=lambda w: stores(w.dataset, learned_from(w.fold)),
        codec=lambda w: STUDY.codecs[w.codec].canonical(),
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        finetuning=lambda w: STUDY.finetunings[
            STUDY.datasets[w.dataset].regimes.finetuning
        ].canonical(),
        run=run_folder("finetune", CHOICE),
        threads=STUDY.threads,
        device=STUDY.device,
        code=codec_code("finetune"),
    message:
        "Fine-tuning {wildcards.codec} at λ = {wildcards.rate} and {wildcards.segmenter}"
        " ({wildcards.regime}) on {wildcards.dataset}, fold {wildcards.fold} held out,"
        " seed {wildcards.seed}"
    shell:
        script(
            "finetune",
            "--regime {wildcards.regime} --tiles {params.tiles:q} --held-out {wildcards.fold}"
            " --codec {params.codec:q} --codec-weights {input.codec:q}"
            " --segmenter {params.segmenter:q} --segmenter-weights {input.segmenter:q}"
            " --finetuning {params.finetuning:q} --rate {wildcards.rate}"
            " --seed {wildcards.seed} --threads {params.threads} --device {params.device}"
            " --run {params.run:q} --codec-target {output.codec:q}"
            " --segmenter-target {output.segmenter:q} --choice-target {output.choice:q}",
        )


rule score_on_originals:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
        weights=PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE),
    output:
        scores=PATHS.original_scores("{dataset}", "{segmenter}", REPLICATE),
        predictions=PATHS.predictions(PATHS.original_scores("{dataset}", "{segmenter}", REPLICATE)),
    log:
        PATHS.log(PATHS.original_scores("{dataset}", "{segmenter}", REPLICATE)),
    benchmark:
        PATHS.benchmark(PATHS.original_scores("{dataset}", "{segmenter}", REPLICATE))
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(15),
    params:
        job=record("score_on_originals"),
        tiles=lambda w: stores(w.dataset),
        threads=STUDY.threads,
        code=code("score_segmenter"),
    message:
        "Scoring {wildcards.segmenter} on originals of {wildcards.dataset}"
    shell:
        script(
            "score_segmenter",
            "--tiles {params.tiles:q} --weights {input.weights:q} --held-out {wildcards.fold}"
            " --regime original --segmenter {wildcards.segmenter:q} --seed {wildcards.seed}"
            " --threads {params.threads} --scores {output.scores:q}"
            " --predictions {output.predictions:q}",
        )


rule score_on_reconstructions:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
        reconstructions=gathered_seen,
        weights=segmenter_of,
    output:
        scores=PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", REPLICATE),
        predictions=PATHS.predictions(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", REPLICATE)
        ),
    log:
        PATHS.log(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", REPLICATE)
        ),
    benchmark:
        PATHS.benchmark(
            PATHS.scores("{dataset}", "{codec}", "{rate}", "{segmenter}", "{regime}", REPLICATE)
        )
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(15),
    params:
        job=record("score_on_reconstructions"),
        tiles=lambda w: stores(w.dataset),
        reconstructions=lambda w: reconstructions(w.dataset, w.codec, w.rate, seen_by(w)),
        regime=lambda w: w.regime,
        mismatch="",
        threads=STUDY.threads,
        code=code("score_segmenter"),
    message:
        "Scoring {wildcards.segmenter} ({params.regime}) on {wildcards.dataset}"
        " coded by {wildcards.codec} at {wildcards.rate}"
    shell:
        script(
            "score_segmenter",
            "--tiles {params.tiles:q} --reconstructions {params.reconstructions:q}"
            " --weights {input.weights:q} --codec {wildcards.codec:q} --rate {wildcards.rate}"
            " --regime {params.regime} {params.mismatch} --segmenter {wildcards.segmenter:q}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --scores {output.scores:q} --predictions {output.predictions:q}",
        )


MISMATCHED = PATHS.mismatched_scores(
    "{dataset}", "{codec}", "{rate}", "{segmenter}", "{trained_codec}", "{trained_rate}", REPLICATE
)


use rule score_on_reconstructions as score_mismatched with:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
        reconstructions=gathered_seen,
        weights=PATHS.retrained_segmenter(
            "{dataset}", "{trained_codec}", "{trained_rate}", "{segmenter}", REPLICATE
        ),
    output:
        scores=MISMATCHED,
        predictions=PATHS.predictions(MISMATCHED),
    log:
        PATHS.log(MISMATCHED),
    benchmark:
        PATHS.benchmark(MISMATCHED)
    params:
        job=record("score_mismatched"),
        tiles=lambda w: stores(w.dataset),
        reconstructions=lambda w: reconstructions(w.dataset, w.codec, w.rate, seen_by(w)),
        regime="mismatched",
        mismatch="--trained-on '{trained_codec} at {trained_rate}'",
        threads=STUDY.threads,
        code=code("score_segmenter"),
