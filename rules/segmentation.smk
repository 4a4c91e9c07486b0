# Tiles and reconstructions → segmenters and their scores.


POINT = ("{dataset}", "{codec}", "{rate}", "{segmenter}")
ORIGINAL_SEGMENTER = PATHS.original_segmenter("{dataset}", "{segmenter}", REPLICATE)
RETRAINED_SEGMENTER = PATHS.retrained_segmenter(*POINT, REPLICATE)
FINETUNED_SEGMENTER = PATHS.finetuned_segmenter(*POINT, "{regime}", REPLICATE)
FINETUNED_CODEC = PATHS.codec_weights(
    "{dataset}", "{codec}", "{rate}", finetuned_training(REPLICATE, "{regime}", "{segmenter}")
)
CHOICE = PATHS.finetuning_choice(FINETUNED_SEGMENTER)
BASELINE = PATHS.threshold_baseline("{dataset}", "{fold}")
ORIGINAL_SCORES = PATHS.original_scores("{dataset}", "{segmenter}", REPLICATE)
SCORES = PATHS.scores(*POINT, "{regime}", REPLICATE)
MISMATCHED_SCORES = PATHS.mismatched_scores(*POINT, "{trained_codec}", "{trained_rate}", REPLICATE)


rule fit_threshold_baseline:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
    output:
        map=BASELINE,
        scores=PATHS.baseline_scores("{dataset}", "{fold}"),
    log:
        PATHS.log(BASELINE),
    benchmark:
        PATHS.benchmark(BASELINE)
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(15),
    params:
        job=record("fit_threshold_baseline", code("fit_threshold_baseline")),
        tiles=by_wildcards(PLAN.tiles),
    message:
        "Choosing the threshold baseline of {wildcards.dataset}, fold {wildcards.fold} held out"
    shell:
        command(
            "fit_threshold_baseline",
            "--tiles {params.tiles:q} --held-out {wildcards.fold} --map {output.map:q}"
            " --scores {output.scores:q}",
        )


rule train_on_originals:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
    output:
        ORIGINAL_SEGMENTER,
    log:
        PATHS.log(ORIGINAL_SEGMENTER),
    benchmark:
        PATHS.benchmark(ORIGINAL_SEGMENTER)
    priority: 25  # long jobs that wait for no coding; scores fill the cores later
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(120),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("train_on_originals", code("train_segmenter"), free=("run",)),
        tiles=by_wildcards(PLAN.training_tiles),
        reconstructions="",
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        run=run_folder(PATHS, "train_segmenter", ORIGINAL_SEGMENTER),
        threads=STUDY.threads,
        device=STUDY.device,
    message:
        "Training {wildcards.segmenter} on originals of {wildcards.dataset},"
        " fold {wildcards.fold} held out, seed {wildcards.seed}"
    shell:
        command(
            "train_segmenter",
            "--tiles {params.tiles:q} {params.reconstructions} --segmenter {params.segmenter:q}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --device {params.device} --run {params.run:q} --weights {output:q}",
        )


use rule train_on_originals as train_on_reconstructions with:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
        reconstructions=by_wildcards(PLAN.gathered_training_reconstructions),
    output:
        RETRAINED_SEGMENTER,
    log:
        PATHS.log(RETRAINED_SEGMENTER),
    benchmark:
        PATHS.benchmark(RETRAINED_SEGMENTER)
    priority: 5
    params:
        job=record("train_on_reconstructions", code("train_segmenter"), free=("run",)),
        reconstructions=by_wildcards(PLAN.retraining_options),
        run=run_folder(PATHS, "train_segmenter", RETRAINED_SEGMENTER),
    message:
        "Training {wildcards.segmenter} on {wildcards.dataset} coded by {wildcards.codec}"
        " at {wildcards.rate}, fold {wildcards.fold} held out, seed {wildcards.seed}"


rule finetune:
    input:
        tiles=PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
        codec=by_wildcards(PLAN.standalone_weights),
        segmenter=ORIGINAL_SEGMENTER,
    output:
        codec=FINETUNED_CODEC,
        segmenter=FINETUNED_SEGMENTER,
        choice=CHOICE,
    log:
        PATHS.log(CHOICE),
    benchmark:
        PATHS.benchmark(CHOICE)
    wildcard_constraints:
        regime="|".join(FINETUNED),
    priority: 7
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(6000),
        runtime=each_attempt(240),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("finetune", codec_code("finetune"), free=("run",)),
        tiles=by_wildcards(PLAN.training_tiles),
        codec=lambda w: STUDY.codecs[w.codec].canonical(),
        segmenter=lambda w: STUDY.segmenters[w.segmenter].canonical(),
        finetuning=by_wildcards(PLAN.finetuning),
        run=codec_run_folder(PATHS, "finetune", CHOICE, PLAN.codec_file),
        threads=STUDY.threads,
        device=STUDY.device,
    message:
        "Fine-tuning {wildcards.codec} at λ = {wildcards.rate} and {wildcards.segmenter}"
        " ({wildcards.regime}) on {wildcards.dataset}, fold {wildcards.fold} held out,"
        " seed {wildcards.seed}"
    shell:
        command(
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
        weights=ORIGINAL_SEGMENTER,
    output:
        scores=ORIGINAL_SCORES,
        predictions=PATHS.predictions(ORIGINAL_SCORES),
    log:
        PATHS.log(ORIGINAL_SCORES),
    benchmark:
        PATHS.benchmark(ORIGINAL_SCORES)
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(15),
    params:
        job=record("score_on_originals", code("score_segmenter")),
        tiles=by_wildcards(PLAN.tiles),
        threads=STUDY.threads,
    message:
        "Scoring {wildcards.segmenter} on originals of {wildcards.dataset}"
    shell:
        command(
            "score_segmenter",
            "--tiles {params.tiles:q} --weights {input.weights:q} --held-out {wildcards.fold}"
            " --regime original --segmenter {wildcards.segmenter:q} --seed {wildcards.seed}"
            " --threads {params.threads} --scores {output.scores:q}"
            " --predictions {output.predictions:q}",
        )


rule score_on_reconstructions:
    input:
        tiles=PATHS.gathered_tiles("{dataset}"),
        reconstructions=by_wildcards(PLAN.gathered_scored_reconstructions),
        weights=by_wildcards(PLAN.scored_segmenter),
    output:
        scores=SCORES,
        predictions=PATHS.predictions(SCORES),
    log:
        PATHS.log(SCORES),
    benchmark:
        PATHS.benchmark(SCORES)
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(15),
    params:
        job=record("score_on_reconstructions", code("score_segmenter")),
        tiles=by_wildcards(PLAN.tiles),
        reconstructions=by_wildcards(PLAN.scored_reconstructions),
        regime=by_wildcards(PLAN.regime_options),
        threads=STUDY.threads,
    message:
        "Scoring {wildcards.segmenter} on {wildcards.dataset} coded by {wildcards.codec}"
        " at {wildcards.rate} ({params.regime})"
    shell:
        command(
            "score_segmenter",
            "--tiles {params.tiles:q} --reconstructions {params.reconstructions:q}"
            " --weights {input.weights:q} --codec {wildcards.codec:q} --rate {wildcards.rate}"
            " {params.regime} --segmenter {wildcards.segmenter:q}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --scores {output.scores:q} --predictions {output.predictions:q}",
        )


use rule score_on_reconstructions as score_mismatched with:
    output:
        scores=MISMATCHED_SCORES,
        predictions=PATHS.predictions(MISMATCHED_SCORES),
    log:
        PATHS.log(MISMATCHED_SCORES),
    benchmark:
        PATHS.benchmark(MISMATCHED_SCORES)
    params:
        job=record("score_mismatched", code("score_segmenter")),
