"""Facts that an audit tells although they need no remedy."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from workflow_lib.files import sha256
from workflow_lib.provenance.audit.disk import Disk
from workflow_lib.provenance.audit.faults import counted
from workflow_lib.provenance.audit.records import Records, first_names
from workflow_lib.provenance.lock import LOCK
from workflow_lib.provenance.record import recorder
from workflow_lib.provenance.sidecar import Sidecar


def mixed(jobs: Iterable[Sidecar]) -> Iterator[str]:
    """Tell of jobs that computed with other instruction sets, devices or library settings."""
    used = [(job, _arithmetic(job)) for job in jobs]
    variables = {name for job, _ in used for name in job.variables}
    for _, values in used:  # not to set a variable is a value too, but not to load a library
        values |= dict.fromkeys(variables - values.keys(), "none")
    for what in sorted({name for _, values in used for name in values}):
        found = [(job, values[what]) for job, values in used if what in values]
        counts = Counter(value for _, value in found)
        if len(counts) > 1:
            (usual, _), *_ = counts.most_common(1)
            rules = sorted({job.rule for job, value in found if value != usual})
            listed = ", ".join(f"{n:,} with {value}" for value, n in counts.most_common())
            yield (
                f"Jobs differ in {what}: {listed}. So may their numbers. The fewer ones are of "
                f"{', '.join(rules)}."
            )


def _arithmetic(job: Sidecar) -> dict[str, str]:
    """What can change the last digits of a job's numbers, by what it is."""
    instructions = {f"instructions of {name}": of for name, of in job.instructions.items()}
    device = {"device": job.device} if job.device else {}
    return {"Python": job.python, **device, **instructions, **job.variables}


def notices(records: Records, disk: Disk) -> tuple[str, ...]:
    """Tell of commits, resumed trainings, mixed machines, and what is unfinished or left over."""
    found = []
    commits = {job.commit for job in records.current.values() if job.commit is not None}
    if len(commits) > 1:
        listed = ", ".join(sorted(commit[:12] for commit in commits))
        found.append(f"The jobs ran from {len(commits)} commits: {listed}.")
    if unknown := sum(job.commit is None for job in records.current.values()):
        found.append(
            f"There is no commit on record for {counted(unknown, 'job')}. Only digests identify "
            "the code that they ran."
        )
    if unclean := sum(job.clean is False for job in records.current.values()):
        found.append(
            f"{counted(unclean, 'job')} ran with uncommitted edits. Digests identify the code "
            "that they ran; the commit alone does not."
        )
    if resumed := sum(bool(job.earlier) for job in records.current.values()):
        found.append(
            f"{counted(resumed, 'job')} resumed from a checkpoint. The times below cover the last "
            "attempt only; the sidecars list the earlier ones."
        )
    found += mixed(records.current.values())
    present = sha256(LOCK)
    if relocked := sum(job.lock != present for job in records.current.values()):
        found.append(
            f"The lock has changed since {counted(relocked, 'job')} ran. The audit compared the "
            "packages that their code can import."
        )
    recording = recorder()
    if others := sum(job.recorder != recording for job in records.current.values()):
        found.append(
            f"{counted(others, 'record')} came from another version of workflow_lib/provenance."
        )
    if missing := [name for name in records.finals if name not in records.producers]:
        found.append(f"The study is not finished: no job has made {first_names(missing)} yet.")
    elif records.reached is None:
        found.append("Leftover results were not looked for because a job's record is missing.")
    if records.left_over:
        found.append(
            f"{counted(len(records.left_over), 'job')} left results that the present report does "
            "not depend on: removed from the study, or not yet in the report. Run make until it "
            "has nothing left to do. Then `python scripts/audit.py --left-over --study FILE` lists "
            "what you may remove; append `| xargs -d '\\n' rm -rf` to remove it."
        )
    if disk.others:
        found.append(f"Results of other studies were not audited: {first_names(disk.others)}.")
    return tuple(found)


def patches(records: Records, patched: Mapping[str, str]) -> Iterator[str]:
    """Tell of packages that jobs ran with in an altered form."""
    jobs = records.current.values()
    for package in sorted({name for job in jobs for name in job.altered or ()}):
        ran = counted(sum(package in (job.altered or ()) for job in jobs), "job")
        reason = patched.get(package, "the study does not say why")
        yield f"{ran} ran with {package} in an altered form: {reason}."
