# A job is out of date if it would be told something else than its own record says, or if its inputs
# were made again. Snakemake's memory, .snakemake, is not asked: it belongs to a checkout, not to the
# results, and --touch and --cleanup-metadata change it. Nor can a profile choose other triggers.
import hashlib
import os
from functools import cache

from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange, PersistenceBase
from snakemake.settings.types import RerunTrigger
from snakemake.utils import format as fill

from workflow_lib.provenance.audit.faults import printable
from workflow_lib.provenance.environment import installed
from workflow_lib.provenance.installation import FOUND_AT_START
from workflow_lib.provenance.planned import Planned, recorded
from workflow_lib.provenance.run_start import begin, installed_now
from workflow_lib.provenance.told import Told, differences
from workflow_lib.provenance.told import other_inputs, other_installation, other_packages

PLANNED = Planned.asked()
# Jobs learn of the packages from this run alone, and bash runs nothing of the user's before them.
for name in [*os.environ]:
    if name == "BASH_ENV" or name.startswith("BASH_FUNC_"):
        del os.environ[name]
if workflow.is_main_process:
    os.environ.pop(FOUND_AT_START, None)
INSTALLED = cache(lambda: installed_now(CACHE))


@cache
def run_by_shell(rule):
    """Digest of what the shell runs for a rule, without places and the number of threads."""
    text = shell._process_prefix.replace(UNCOMPARED, "") + workflow.get_rule(rule).shellcmd
    return hashlib.sha256(text.encode()).hexdigest()


BASE = Path(workflow.basedir)
record = recorder(PATHS, BASE, commit(BASE), run_by_shell)


@cache
def told_and_recorded(job):
    # not job.shellcmd, which needs the number that a job gets later
    parts = ("input", "output", "params", "wildcards", "threads", "resources", "log")
    command = fill(job.rule.shellcmd, **{part: getattr(job, part) for part in parts})
    told = Told.of_command(command)
    return told, recorded(Path(told.sidecar))


def changes(persistence, job, file=None):
    """Why a job is out of date, as Snakemake's change of parameters."""
    if not job.output:
        return NO_PARAMS_CHANGE
    told, record = told_and_recorded(job)
    if record is None and not any(map(os.path.exists, job.output)):
        return NO_PARAMS_CHANGE  # it never ran, and runs if its outputs are needed
    found = differences(told, record)
    if record and not found:
        producers = [p for p in persistence.dag.dependencies[job] if p.output]
        found = other_inputs(record, [told_and_recorded(p)[1] for p in producers])
    if record and (record.altered or STUDY.patched):
        found = found + other_installation(record, STUDY.patched, INSTALLED().altered)
    PLANNED.differences[told.outputs[0]] = found
    if record:  # the audit names packages by itself
        found = found + other_packages(record, installed([*record.packages]))
    if not found:
        return NO_PARAMS_CHANGE
    return ParamsChange(only_new=set(map(printable, found)), files=set(job.output))


def recorded_checksums(persistence, job, file):
    _, record = told_and_recorded(job)
    return {f"sha256:{record.inputs[file]}"} if record and file in record.inputs else set()


# Answers by the name of Snakemake's question; all other changes are among the differences.
ANSWERS = {
    "params_changed": changes,
    "input_checksums": recorded_checksums,
    "has_metadata": lambda persistence, job: True,
    "has_outdated_metadata": lambda persistence, job: False,
    "code_changed": lambda persistence, job, file=None: (),
    "input_changed": lambda persistence, job, file=None: (),
    "software_stack_changed": lambda persistence, job, file=None: (),
}
for question, answer in ANSWERS.items():
    if not hasattr(PersistenceBase, question):
        raise WorkflowError(f"Snakemake has no {question} any more: install the locked version.")
    setattr(PersistenceBase, question, answer)
# `make repair` makes damaged files again and nothing else.
if "DOWNLINK_REPAIR" not in os.environ:
    type(workflow).rerun_triggers = property(lambda workflow: RerunTrigger.all())
atexit.register(PLANNED.write)
