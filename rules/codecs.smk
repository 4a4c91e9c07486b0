# Tile stores → codec weights, bitstreams, reconstructions, rate and distortion.


CODING = ("{dataset}", "{codec}", "{rate}", "{training}")
CODEC_WEIGHTS = PATHS.codec_weights("{dataset}", "{codec}", "{rate}", REPLICATE)
BITSTREAM = PATHS.bitstream(*CODING, "{scene}")
RECONSTRUCTION = PATHS.reconstruction(*CODING, "{scene}")
GATHERED_RECONSTRUCTIONS = PATHS.gathered_reconstructions(*CODING, "{part}")


rule fit_codec:
    input:
        PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
    output:
        CODEC_WEIGHTS,
    log:
        PATHS.log(CODEC_WEIGHTS),
    benchmark:
        PATHS.benchmark(CODEC_WEIGHTS)
    priority: 30  # the longest chain of jobs starts here
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(120),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("fit_codec", codec_code("fit_codec"), free=("run",)),
        tiles=by_wildcards(PLAN.training_tiles),
        codec=lambda w: STUDY.codecs[w.codec].as_fitted().canonical(),
        run=codec_run_folder(PATHS, "fit_codec", CODEC_WEIGHTS, PLAN.codec_file),
        threads=STUDY.threads,
        device=STUDY.device,
    message:
        "Training codec {wildcards.codec} at λ = {wildcards.rate} on {wildcards.dataset},"
        " fold {wildcards.fold} held out, seed {wildcards.seed}"
    shell:
        command(
            "fit_codec",
            "--tiles {params.tiles:q} --codec {params.codec:q} --rate {wildcards.rate}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --device {params.device} --run {params.run:q} --weights {output:q}",
        )


# Most jobs of a study belong to this rule. For fast planning, they have one input per store and no
# message.
rule encode_scene:
    input:
        manifest=manifest(PATHS.tiles("{dataset}", "{scene}")),
    output:
        bitstream=BITSTREAM,
        store=directory(RECONSTRUCTION),
        manifest=manifest(RECONSTRUCTION),
        distortion=PATHS.distortion(*CODING, "{scene}"),
    log:
        PATHS.log(BITSTREAM),
    benchmark:
        PATHS.benchmark(BITSTREAM)
    wildcard_constraints:
        training=UNTRAINED,
    priority: 20  # short jobs that many others wait for
    threads: STUDY.threads
    resources:
        mem_mb=each_attempt(5000),
        runtime=each_attempt(30),
    params:
        job=record("encode_scene", codec_code("encode_scene")),
        tiles=PATHS.tiles("{dataset}", "{scene}"),
        options=by_wildcards(PLAN.coding_options),
    shell:
        command(
            "encode_scene",
            "--tiles {params.tiles:q} {params.options} --bitstream {output.bitstream:q}"
            " --reconstruction {output.store:q} --distortion {output.distortion:q}",
        )


use rule encode_scene as encode_learned with:
    input:
        manifest=manifest(PATHS.tiles("{dataset}", "{scene}")),
        weights=by_wildcards(PLAN.weights),
    wildcard_constraints:
        training=TRAINED,
    resources:
        mem_mb=each_attempt(5000),
        runtime=each_attempt(30),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("encode_learned", codec_code("encode_scene")),


use rule gather_tiles as gather_reconstructions with:
    input:
        by_wildcards(PLAN.reconstruction_manifests),
    output:
        GATHERED_RECONSTRUCTIONS,
    log:
        PATHS.log(GATHERED_RECONSTRUCTIONS),
    priority: 20
    params:
        job=record("gather_reconstructions", code("gather_scenes")),
    message:
        "Gathering the reconstructions of {wildcards.dataset} by {wildcards.codec}"
        " at {wildcards.rate} (training: {wildcards.training}; {wildcards.part})"
