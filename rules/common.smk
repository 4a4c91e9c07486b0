# What all rules share: the validated study, the artifacts' names, and digests of code.
import atexit
import gc
import inspect
import json
import re
import shlex
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path
from snakemake.exceptions import WorkflowError

from workflow_lib.codecs.registry import module_of
from workflow_lib.config.study import validate
from workflow_lib.data import archives, listing
from workflow_lib.data.folds import require_fair_folds, trained_on
from workflow_lib.data.info import describe
from workflow_lib.errors import DownlinkError
from workflow_lib.orphans import cancel_orphans
from workflow_lib.paths import (
    ALL,
    FINETUNED,
    UNTRAINED,
    Paths,
    Training,
    finetuned_training,
    learned_from,
    manifest,
    rate_name,
    replicate,
)
from workflow_lib.provenance.digests import code_digest
from workflow_lib.provenance.environment import commit

try:
    STUDY = validate(config)
    SCENES = {
        name: listing.scenes(dataset.source) for name, dataset in STUDY.selected().datasets.items()
    }
    for name, scenes in SCENES.items():
        require_fair_folds(name, STUDY.datasets[name].tiling.folds, scenes, STUDY.tunes_on(name))
        trainer = STUDY.trainer(name)
        if trainer != name:
            listing.require_other_imagery(name, STUDY.datasets[name], STUDY.datasets[trainer])
except DownlinkError as error:
    raise WorkflowError(str(error)) from None

PATHS = Paths(STUDY.results)
CACHE = Path(STUDY.cache).expanduser() if STUDY.cache else user_cache_path("downlink")
ENVIRONMENT = "../envs/downlink.yaml"
COMMIT = commit(Path(workflow.basedir))
REPLICATE = replicate("{fold}", "{seed}")
TRAINED = "fold[0-9]+-seed[0-9]+(-(joint|control)-[A-Za-z0-9_-]+)?"
# Of a job that trains a network or codes by one.
GPUS = 0 if STUDY.device == "cpu" else 1
# They draw batches while the GPU computes; see training/loading.py.
CORES_PER_GPU = max(4, STUDY.threads)

# A plan is millions of objects that live to the end: looking through them for garbage took a sixth
# of the time, and again a tenth when Python ends.
gc.set_threshold(50_000, 20, 50)
atexit.register(gc.freeze)

# Waiting threads must not spin: jobs share the cores.
shell.prefix(f"set -euo pipefail; export OMP_NUM_THREADS={STUDY.threads} OMP_WAIT_POLICY=PASSIVE; ")


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    codec="[A-Za-z0-9_-]+",
    rate="[0-9.e+-]+|lossless",
    scene="[^/]+",
    segmenter="[A-Za-z0-9_-]+",
    regime="frozen|retrained|joint|control",
    fold="[0-9]+",
    seed="[0-9]+",
    part=f"{ALL}|{learned_from('[0-9]+')}",
    training=f"{UNTRAINED}|{TRAINED}",
    trained_codec="[A-Za-z0-9_-]+",
    trained_rate="[0-9.e+-]+|lossless",


def script(name, options):
    """The command of a rule: it logs, and leaves a sidecar by what it reads from its third file.

    exec, because a shell that waits would die of SIGTERM at once, and the job end before a training
    has saved its step.
    """
    return (
        f"DOWNLINK_JOB=/dev/fd/3 exec python scripts/{name}.py {options}"
        " > {log:q} 2>&1 3<<<{params.job:q}"
    )


def signed(function):
    """The same function, that knows its signature: Snakemake asks for it whenever it calls one."""
    function.__signature__ = inspect.signature(function)
    return function


def record(rule):
    """What the sidecar of a rule's job takes from Snakemake.

    It makes no job run again: parameters that are made from inputs or outputs do not count.
    """

    def described(wildcards, input, output):
        return json.dumps(
            {
                "rule": rule,
                "wildcards": dict(wildcards.items()),
                "inputs": list(input),
                "outputs": list(output),
                "sidecar": PATHS.sidecar(output[0]),
                "commit": COMMIT,
            }
        )

    return signed(described)


def code(script, *modules):
    """The digest that makes a rule run again when its script or the library behind it changes.

    `modules` are those that the script imports by name only.
    """
    return code_digest(
        f"scripts/{script}.py", *(f"{module.replace('.', '/')}.py" for module in modules)
    )


def codec_code(script):
    """The digest of a rule whose jobs use the codec `codec`."""
    return signed(lambda w: code(script, module_of(STUDY.codecs[w.codec].kind)))


def study_code(script):
    """The digest of a rule whose job parses the study, and so its codecs' options."""
    return code(script, *{module_of(own.kind): 0 for own in STUDY.selected().codecs.values()})


def clear_of_orphans():
    """Cancel what a killed Snakemake left on the cluster."""
    try:
        cancel_orphans(Path.cwd())
    except DownlinkError as error:
        raise WorkflowError(str(error)) from None


def memory(megabytes):
    """Memory of a job; a job that failed asks for more."""
    return signed(lambda wildcards, attempt: megabytes * attempt)


def minutes(first):
    """Time limit of a job; a job that failed asks for more."""
    return signed(lambda wildcards, attempt: first * attempt)


def rate_names(rates):
    return [rate_name(rate) for rate in rates]


def scenes_of(dataset, part):
    """The scenes of a part of a dataset."""
    if part == ALL:
        return SCENES[dataset]
    fold = int(part.removeprefix(learned_from("")))
    return trained_on(STUDY.datasets[dataset].tiling.folds, SCENES[dataset], fold)


def stores(dataset, part=ALL):
    """The tile stores of a part's scenes."""
    return [PATHS.tiles(dataset, scene) for scene in scenes_of(dataset, part)]


def reconstructions(dataset, codec, rate, training, part=ALL):
    """The reconstructions of a part's scenes."""
    return [
        PATHS.reconstruction(dataset, codec, rate, training, scene)
        for scene in scenes_of(dataset, part)
    ]


def manifests(folders):
    """What tells Snakemake that a store has changed; it does not look inside folders."""
    return [manifest(folder) for folder in folders]


def run_folder(script, artifact):
    """Checkpoint and log of a training; other code does not go on from its checkpoint."""
    return f"{PATHS.run_folder(artifact)}/{code(script)[:12]}"
