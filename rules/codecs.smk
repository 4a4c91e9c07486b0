# Tile stores → codec weights, bitstreams, reconstructions, rate and distortion.


rule fit_codec:
    input:
        PATHS.gathered_tiles("{dataset}", learned_from("{fold}")),
    output:
        PATHS.codec_weights("{dataset}", "{codec}", "{rate}", REPLICATE),
    log:
        PATHS.log(PATHS.codec_weights("{dataset}", "{codec}", "{rate}", REPLICATE)),
    benchmark:
        PATHS.benchmark(PATHS.codec_weights("{dataset}", "{codec}", "{rate}", REPLICATE))
    priority: 30  # the longest chain begins here
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("fit_codec"),
        tiles=lambda w: stores(w.dataset, learned_from(w.fold)),
        codec=lambda w: STUDY.codecs[w.codec].as_fitted().canonical(),
        run=run_folder(
            "fit_codec", PATHS.codec_weights("{dataset}", "{codec}", "{rate}", REPLICATE)
        ),
        threads=STUDY.threads,
        device=STUDY.device,
        code=codec_code("fit_codec"),
    message:
        "Training codec {wildcards.codec} at λ = {wildcards.rate} on {wildcards.dataset},"
        " fold {wildcards.fold} held out, seed {wildcards.seed}"
    shell:
        script(
            "fit_codec",
            "--tiles {params.tiles:q} --codec {params.codec:q} --rate {wildcards.rate}"
            " --held-out {wildcards.fold} --seed {wildcards.seed} --threads {params.threads}"
            " --device {params.device} --run {params.run:q} --weights {output:q}",
        )


# Most of a study's jobs are these, and a plan costs by the input and by the function: so one input
# stands for a store, no message is made, and functions know their signature.
rule encode_scene:
    input:
        manifest=manifest(PATHS.tiles("{dataset}", "{scene}")),
    output:
        bitstream=PATHS.bitstream("{dataset}", "{codec}", "{rate}", "{training}", "{scene}"),
        store=directory(
            PATHS.reconstruction("{dataset}", "{codec}", "{rate}", "{training}", "{scene}")
        ),
        manifest=manifest(
            PATHS.reconstruction("{dataset}", "{codec}", "{rate}", "{training}", "{scene}")
        ),
        distortion=PATHS.distortion("{dataset}", "{codec}", "{rate}", "{training}", "{scene}"),
    log:
        PATHS.log(PATHS.bitstream("{dataset}", "{codec}", "{rate}", "{training}", "{scene}")),
    benchmark:
        PATHS.benchmark(PATHS.bitstream("{dataset}", "{codec}", "{rate}", "{training}", "{scene}"))
    wildcard_constraints:
        training=UNTRAINED,
    priority: 20  # short, and much waits for it
    conda:
        ENVIRONMENT
    threads: STUDY.threads
    resources:
        mem_mb=memory(5000),
        runtime=minutes(30),
    params:
        job=record("encode_scene"),
        tiles=PATHS.tiles("{dataset}", "{scene}"),
        options=coding_options,
        code=codec_code("encode_scene"),
    shell:
        script(
            "encode_scene",
            "--tiles {params.tiles:q} {params.options} --bitstream {output.bitstream:q}"
            " --reconstruction {output.store:q} --distortion {output.distortion:q}",
        )


use rule encode_scene as encode_learned with:
    input:
        manifest=manifest(PATHS.tiles("{dataset}", "{scene}")),
        weights=weights_of,
    wildcard_constraints:
        training=TRAINED,
    resources:
        mem_mb=memory(5000),
        runtime=minutes(30),
        gpu=GPUS,
        cpus_per_gpu=CORES_PER_GPU,
    params:
        job=record("encode_learned"),


use rule gather_tiles as gather_reconstructions with:
    input:
        lambda w: manifests(reconstructions(w.dataset, w.codec, w.rate, w.training, w.part)),
    output:
        PATHS.gathered_reconstructions("{dataset}", "{codec}", "{rate}", "{training}", "{part}"),
    log:
        PATHS.log(
            PATHS.gathered_reconstructions(
                "{dataset}", "{codec}", "{rate}", "{training}", "{part}"
            )
        ),
    priority: 20
    params:
        job=record("gather_reconstructions"),
    message:
        "Gathering the reconstructions of {wildcards.dataset} by {wildcards.codec}"
        " at {wildcards.rate} (training: {wildcards.training}; {wildcards.part})"
