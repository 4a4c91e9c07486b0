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


def seen_by(wildcards):
    """How the codec was trained whose reconstructions a segmenter sees in a regime."""
    w = wildcards
    if w.get("regime") in FINETUNED:
        return finetuned_training(replicate(w.fold, w.seed), w.regime, w.segmenter)
    return STUDY.training(w.dataset, w.codec, int(w.fold), int(w.seed))


def standalone_weights(wildcards):
    """The weights of a learned codec before fine-tuning, which may be another dataset's."""
    w = wildcards
    training = STUDY.training(w.dataset, w.codec, int(w.fold), int(w.seed))
    return PATHS.codec_weights(STUDY.trainer(w.dataset), w.codec, w.rate, training)


@signed
def weights_of(wildcards):
    """The weights that a scene is coded with by a learned codec."""
    w = wildcards
    return PATHS.codec_weights(trainer_of(w.dataset, w.training), w.codec, w.rate, w.training)


def trainer_of(dataset, training):
    """The dataset on which a codec was trained: fine-tuned ones on their own."""
    return dataset if Training.of(training).regime else STUDY.trainer(dataset)


@signed
def coding_options(wildcards):
    """How a scene is coded: by what, with which weights, and on which folds that may be scored."""
    return _coding_options(wildcards.dataset, wildcards.codec, wildcards.rate, wildcards.training)


@cache
def _coding_options(dataset, codec, rate, name):
    training, trainer = Training.of(name), trainer_of(dataset, name)
    own = trainer == dataset
    held_out = STUDY.datasets[dataset].tiling.folds.held_out
    options = ["--name", codec, "--codec", STUDY.codecs[codec].canonical(), "--rate", rate]
    options += ["--threads", str(STUDY.threads), "--held-out"]
    options += map(str, [training.fold] if training.seed is not None and own else held_out)
    if training.seed is not None:
        weights = PATHS.codec_weights(trainer, codec, rate, name)
        options += ["--weights", weights, "--seed", str(training.seed)]
        options += ["--trained-on", trainer, "--device", STUDY.device]
    if training.regime:
        options += ["--regime", training.regime, "--segmenter", training.segmenter]
    return shlex.join(options)


def segmenter_of(wildcards):
    """The weights that a regime scores with."""
    w, own = wildcards, replicate(wildcards.fold, wildcards.seed)
    if w.regime == "frozen":
        return PATHS.original_segmenter(w.dataset, w.segmenter, own)
    if w.regime == "retrained":
        return PATHS.retrained_segmenter(w.dataset, w.codec, w.rate, w.segmenter, own)
    return PATHS.finetuned_segmenter(w.dataset, w.codec, w.rate, w.segmenter, w.regime, own)


def gathered_seen(wildcards):
    """What stands for the reconstructions that a segmenter sees in a regime."""
    w = wildcards
    return PATHS.gathered_reconstructions(w.dataset, w.codec, w.rate, seen_by(w))


def gathered_learned_from(wildcards):
    """What stands for the reconstructions that a segmenter is trained on."""
    w = wildcards
    return PATHS.gathered_reconstructions(
        w.dataset, w.codec, w.rate, seen_by(w), learned_from(w.fold)
    )


def replicates(dataset):
    """Every held-out fold with every seed."""
    folds = STUDY.datasets[dataset].tiling.folds.held_out
    return [(fold, seed) for fold in folds for seed in STUDY.seeds]


def points(dataset, regime):
    """Codec and rate of every point of a regime."""
    return [
        (codec, rate)
        for codec, rates in STUDY.datasets[dataset].points(regime).items()
        for rate in rate_names(rates)
    ]


def codings(dataset):
    """Codec, rate and training of everything that is coded."""
    config = STUDY.datasets[dataset]
    standalone = [
        (codec, rate, STUDY.training(dataset, codec, fold, seed))
        for codec, rates in config.rates.items()
        for rate in rate_names(rates)
        for fold, seed in replicates(dataset)
    ]
    finetuned = [
        (codec, rate, finetuned_training(replicate(fold, seed), regime, segmenter))
        for codec, rate in points(dataset, "joint")
        for segmenter in config.segmenters
        for regime in FINETUNED
        for fold, seed in replicates(dataset)
    ]
    return list(dict.fromkeys(standalone + finetuned))


def coded_tables():
    return [
        PATHS.distortion(name, *coding, scene)
        for name in STUDY.run
        for coding in codings(name)
        for scene in SCENES[name]
    ]


def score_tables_of(name, segmenter, own):
    """The scores of one segmenter's replicate."""
    config = STUDY.datasets[name]
    originals = [PATHS.original_scores(name, segmenter, own)] if config.regimes.original else []
    coded = [
        PATHS.scores(name, *point, segmenter, regime, own)
        for regime in ("frozen", "retrained", *FINETUNED)
        for point in points(name, "joint" if regime in FINETUNED else regime)
    ]
    mismatched = [
        PATHS.mismatched_scores(
            name,
            pair.scored_on.codec,
            rate_name(pair.scored_on.rate),
            segmenter,
            pair.trained_on.codec,
            rate_name(pair.trained_on.rate),
            own,
        )
        for pair in config.regimes.mismatched
    ]
    return originals + coded + mismatched


def score_tables():
    return [
        table
        for name in STUDY.run
        for segmenter in STUDY.datasets[name].segmenters
        for fold, seed in replicates(name)
        for table in score_tables_of(name, segmenter, replicate(fold, seed))
    ]


def baseline_tables():
    return [
        PATHS.baseline_scores(name, fold)
        for name in STUDY.run
        for fold in STUDY.datasets[name].tiling.folds.held_out
    ]


def report_inputs():
    """Every store and map that the report shows a tile of: those of the first fold and seed."""
    stored, maps = [], []
    for name in STUDY.run:
        config = STUDY.datasets[name]
        fold, seed = replicates(name)[0]
        own = replicate(fold, seed)
        stored.append(PATHS.gathered_tiles(name))
        for codec, rates in config.rates.items():
            for rate in rate_names(rates):
                training = STUDY.training(name, codec, fold, seed)
                stored.append(PATHS.gathered_reconstructions(name, codec, rate, training))
        for segmenter in config.segmenters[:1]:
            scores = [
                PATHS.scores(name, *p, segmenter, "frozen", own) for p in points(name, "frozen")
            ]
            if config.regimes.original:
                scores.append(PATHS.original_scores(name, segmenter, own))
            maps += map(PATHS.predictions, scores)
        maps.append(PATHS.threshold_baseline(name, fold))
    return stored + maps
