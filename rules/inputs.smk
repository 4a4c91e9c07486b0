# What the rules read: functions of wildcards, and lists over the study.


ARCHIVES = {
    archives.file_name(name, archive): (name, archive) for name, archive in STUDY.archives.items()
}


def archive_of(dataset):
    """File name and pin of the archive that a dataset's source names, if it names one."""
    name = STUDY.datasets[dataset].source.archive
    if name is None:
        return None
    return archives.file_name(name, STUDY.archives[name]), STUDY.archives[name]


def sources(wildcards):
    """The files that a scene is read from."""
    source = STUDY.datasets[wildcards.dataset].source
    if source.recipe == "rasters":
        return [
            str(listing.images(source)[wildcards.scene]),
            source.labels.replace("{scene}", wildcards.scene),
        ]
    archive = archive_of(wildcards.dataset)
    return [PATHS.archive_mark(archive[0])] if archive else []


def archive_options(wildcards):
    archive = archive_of(wildcards.dataset)
    if archive is None:
        return ""
    return shlex.join(["--archive", str(CACHE / archive[0]), "--pin", archive[1].canonical()])


def weights_of(wildcards):
    """The weights behind a rate point of a learned codec, which may be another dataset's."""
    if not isinstance(STUDY.codecs[wildcards.codec], Learned):
        return []
    trainer = STUDY.trainer(wildcards.dataset)
    return PATHS.codec_weights(trainer, wildcards.codec, wildcards.rate)


def segmenter_of(wildcards):
    """The weights that a regime scores with."""
    if wildcards.regime == "frozen":
        return PATHS.original_segmenter(wildcards.dataset, wildcards.segmenter, wildcards.seed)
    return PATHS.retrained_segmenter(
        wildcards.dataset,
        wildcards.codec,
        wildcards.rate,
        wildcards.segmenter,
        wildcards.seed,
    )


def reconstructed(wildcards):
    return reconstructions(wildcards.dataset, wildcards.codec, wildcards.rate)


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
