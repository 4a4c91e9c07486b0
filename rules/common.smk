# Definitions that all rules share: the study's plan, and how jobs run.
import atexit
import gc
import json
import re
import shlex
import sys
from pathlib import Path

from platformdirs import user_cache_path
from snakemake.exceptions import WorkflowError

from workflow_lib.config.study_files import completed
from workflow_lib.errors import DownlinkError
from workflow_lib.rule_parts import by_wildcards, code, codec_run_folder, command
from workflow_lib.rule_parts import each_attempt, places, recorder, run_folder
from workflow_lib.orphans import cancel_orphans
from workflow_lib.paths import FINETUNED, UNTRAINED, finetuned_training, learned_from
from workflow_lib.paths import manifest, replicate
from workflow_lib.plan import TRAINED, WILDCARDS, Plan
from workflow_lib.provenance.environment import commit

CACHE = user_cache_path("downlink")
try:
    PLAN = Plan.of(completed(config), CACHE)
except DownlinkError as error:
    raise WorkflowError(str(error)) from None

STUDY, PATHS = PLAN.study, PLAN.paths
REPLICATE = replicate("{fold}", "{seed}")
# Resources of jobs that run networks. Spare cores draw batches while the GPU computes.
GPUS = 0 if STUDY.device == "cpu" else 1
CORES_PER_GPU = max(4, STUDY.threads)

# A plan keeps millions of objects until the end. Garbage collection took a sixth of the time.
gc.set_threshold(50_000, 20, 50)
atexit.register(gc.freeze)

# What the plan does not compare: another environment, checkout or number of threads runs nothing
# again by itself. Where threads can change a result, they are an option of the job too.
UNCOMPARED = f"export OMP_NUM_THREADS={STUDY.threads}; " + places(sys.executable, workflow.basedir)
# Snakemake formats the prefix. Threads that wait must not spin, because jobs share the cores.
ESCAPED = UNCOMPARED.replace("{", "{{").replace("}", "}}")
shell.prefix(f"set -euo pipefail; export OMP_WAIT_POLICY=PASSIVE; {ESCAPED}")


def codec_code(script):
    """Digest of a script whose jobs run the codec of the wildcard `codec`."""
    return by_wildcards(lambda codec: code(script, PLAN.codec_file(codec)))


wildcard_constraints:
    **WILDCARDS,
