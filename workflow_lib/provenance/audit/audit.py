"""Audit a results folder: compare its files with the records of the jobs that made them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.code import code_faults
from workflow_lib.provenance.audit.disk import Disk, output_faults, walk
from workflow_lib.provenance.audit.dry_run import NOT_RUN, DryRun
from workflow_lib.provenance.audit.faults import Fault, Kind, counted
from workflow_lib.provenance.audit.installation import Installation
from workflow_lib.provenance.audit.records import Records, first_names, jobs_by_rule, read_records
from workflow_lib.provenance.audit.reported_numbers import report_numbers
from workflow_lib.provenance.audit.sources import check_sources
from workflow_lib.provenance.lock import LOCK
from workflow_lib.provenance.sidecar import Sidecar
from workflow_lib.provenance.told import CODE_CHANGED


@dataclass(frozen=True)
class AuditCheck:
    """The outcome of one check.

    Attributes:
        question: the question that the check answers; "yes" means sound.
        asked: what was checked and how much of it, e.g. "12 outputs".
        faults: number of faults found; None if the check could not run.
        reason: why the check could not run; empty if it ran.
    """

    question: str
    asked: str
    faults: int | None
    reason: str = ""


@dataclass(frozen=True)
class Audit:
    """The outcome of an audit.

    Attributes:
        records: the sidecars that were read.
        plan: the jobs that Snakemake would still run.
        checks: one entry for each check, in order.
        faults: every difference that needs a remedy.
        notices: remarks that need no remedy.
        study: name of the study that was asked about; empty if none.
    """

    records: Records
    plan: DryRun
    checks: tuple[AuditCheck, ...]
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]
    study: str = ""

    @property
    def status(self) -> int:
        """Exit status: 0 sound, 1 faults found, 3 no faults found but a check could not run."""
        if self.faults:
            return 1
        return 3 if any(check.faults is None for check in self.checks) else 0

    @property
    def damaged(self) -> tuple[str, ...]:
        """The outputs that `make repair` regenerates."""
        return tuple(sorted(set(chain.from_iterable(fault.again for fault in self.faults))))

    @property
    def left_over(self) -> tuple[str, ...]:
        """Outputs that the present report does not depend on, and their sidecars.

        They include new work that the report does not contain yet.
        """
        of_jobs = (
            (*job.outputs, Paths(self.records.results).sidecar(first))
            for first, job in self.records.left_over.items()
        )
        return tuple(chain.from_iterable(of_jobs))


def audit(
    results: str,
    root: Path,
    plan: DryRun = NOT_RUN,
    study: str = "",
    installation: Callable[[Iterable[str]], Installation] | None = None,
) -> Audit:
    """Compare everything below a results folder with its sidecars, without changing anything.

    Args:
        results: the results folder, as the study names it.
        root: the project's folder.
        plan: the jobs that Snakemake would run now.
        study: name of the study; empty if any will do.
        installation: compares the installed files of packages, by name; None leaves them out.

    Raises:
        DownlinkError: the folder has no sidecars or cannot be read.
    """
    try:
        records = read_records(results, root)
        disk = walk(records)
        found = [*records.faults, *disk.faults, *output_faults(records, disk)]
        inputs = check_sources(records, disk)
        found += [*inputs.faults, *code_faults(records)]
        compared = _comparable(records, found)
        if compared:
            found += report_numbers(Paths(results), root)
        installed = installation(_packages(records)) if installation else None
        found += installed.faults if installed else ()
        found += _out_of_date(records, plan, study, {fault.kind for fault in found})
    except OSError as error:
        raise DownlinkError(
            f"{error.filename}: {error.strerror}. Wait until the study has finished and check that "
            "you may read its results. Then run the audit again."
        ) from error
    checks = _checks(records, disk, compared, plan, found)
    if installed:
        question = "Are the installed packages as their makers recorded them?"
        check = AuditCheck(question, counted(installed.files, "file"), len(installed.faults))
        checks = (*checks[:-1], check, checks[-1])
    notices = (*_notices(records, disk), *inputs.notices)
    return Audit(records, plan, checks, tuple(found), notices, study)


def _out_of_date(records: Records, plan: DryRun, study: str, known: set[Kind]) -> Iterator[Fault]:
    """Faults of jobs that the present study would tell something else.

    Results of another study are one fault: to make them anew would overwrite good results.
    """
    made_for = _made_for(records)
    if study and made_for and made_for != study:
        what = f"holds results of the study {made_for}, not of {study}"
        yield Fault("another study", records.results, what)
        return
    if not plan.jobs:
        return
    for output, found in plan.differences.items():
        # files and packages are named by faults of their own
        own = [each for each in found if each != CODE_CHANGED or not {"code", "lock"} & known]
        if own:
            rule = records.jobs[output].rule if output in records.jobs else ""
            yield Fault("out of date", output, f"is not as the study says: {'; '.join(own)}", rule)
    yield Fault("out of date", records.results, f"is out of date: {plan}")


def _packages(records: Records) -> set[str]:
    """Packages that the code of current jobs can reach."""
    return {name for job in records.current.values() for name in job.locked}


def _made_for(records: Records) -> str | None:
    """Name of the study whose findings these are; None if it is not on record."""
    judge = records.producers.get(Paths(records.results).findings())
    try:
        return str(json.loads(judge.parameters["study"][0])["name"]) if judge else None
    except (KeyError, IndexError, ValueError, TypeError):
        return None


def _comparable(records: Records, found: Iterable[Fault]) -> bool:
    """Whether the files that the report's numbers come from are recorded and unchanged."""
    read = {Paths(records.results).metrics(), *records.finals}
    bad = {fault.path for fault in found}
    return read <= records.producers.keys() and not read & bad


def _checks(
    records: Records, disk: Disk, compared: bool, plan: DryRun, faults: Iterable[Fault]
) -> tuple[AuditCheck, ...]:
    kinds = [fault.kind for fault in faults]
    asked = _asked(records, disk)
    unasked = {
        "report": "" if compared else "a table, the page or the findings are missing or changed",
        "out of date": plan.reason if plan.jobs is None else "",
    }
    return tuple(
        AuditCheck(question, asked[of[0]], None, reason)
        if (reason := unasked.get(of[0], ""))
        else AuditCheck(question, asked[of[0]], sum(map(kinds.count, of)))
        for question, of in _QUESTIONS
    )


_QUESTIONS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("Is every sidecar intact and in its place?", ("sidecar",)),
    ("Was every file made by a recorded job?", ("no sidecar", "half-written", "link")),
    ("Is every output unchanged since its job made it?", ("missing", "changed")),
    ("Did every job read the present inputs?", ("made from another", "source")),
    ("Did every job run the present code?", ("code",)),
    ("Did every job run with the packages that are locked now?", ("lock", "packages")),
    ("Do the report's numbers come from the table?", ("report",)),
    ("Is the study up to date?", ("out of date", "another study")),
)
"""The checks in order, each with the kinds of faults that fail it."""


def _asked(records: Records, disk: Disk) -> dict[Kind, str]:
    """What each check covers, by the first kind of its faults."""
    jobs = records.current.values()
    outputs = sum(len(job.outputs) for job in records.jobs.values())
    return {
        "sidecar": counted(len(records.jobs) + len(records.damaged), "sidecar"),
        "no sidecar": f"{counted(disk.files, 'file')}, {disk.size / 1e6:,.1f} MB",
        "missing": counted(outputs, "output"),
        "made from another": counted(len({name for job in jobs for name in job.inputs}), "input"),
        "code": counted(len({name for job in jobs for name in job.code}), "file"),
        "lock": counted(len({name for job in jobs for name in job.locked}), "package"),
        "report": "main table, page, intervals",
        "out of date": "a dry run of Snakemake",
    }


def _mixed(jobs: Iterable[Sidecar]) -> Iterator[str]:
    """Tell of jobs of one rule that computed with other instruction sets or library settings."""
    for rule, group in jobs_by_rule(jobs).items():
        used = [
            {
                "Python": job.python,
                "device": str(job.device),
                **{
                    f"instructions of {library}": name for library, name in job.instructions.items()
                },
                **job.variables,
            }
            for job in group
        ]
        for what in sorted(set().union(*used)):
            counts = Counter(values.get(what, "none") for values in used)
            if len(counts) > 1:
                listed = ", ".join(f"{n:,} with {value}" for value, n in counts.most_common())
                yield f"Jobs of {rule} differ in {what}: {listed}. So may their numbers."


def _notices(records: Records, disk: Disk) -> tuple[str, ...]:
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
    found += _mixed(records.current.values())
    present = sha256(LOCK)
    if relocked := sum(job.lock != present for job in records.current.values()):
        found.append(
            f"The lock has changed since {counted(relocked, 'job')} ran. The audit compared the "
            "packages that their code can import."
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
