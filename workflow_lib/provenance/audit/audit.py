"""Whether the results on disk are what the code, the lock and the inputs gave."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.code import code
from workflow_lib.provenance.audit.disk import Disk, compare, walk
from workflow_lib.provenance.audit.dry_run import NOT_ASKED, Plan
from workflow_lib.provenance.audit.faults import Fault, Kind, counted
from workflow_lib.provenance.audit.records import Records, names, read_records
from workflow_lib.provenance.audit.reported_numbers import report_numbers
from workflow_lib.provenance.audit.sources import sources
from workflow_lib.provenance.lock import LOCK


@dataclass(frozen=True)
class Check:
    """One question that was asked.

    Attributes:
        question: in words; yes is the sound answer.
        asked: of how much it was asked.
        faults: how many were found; None where it could not be asked.
        reason: why it could not.
    """

    question: str
    asked: str
    faults: int | None
    reason: str = ""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        records: what was on record.
        plan: what is left to run.
        checks: what was asked, in order.
        faults: what is wrong.
        notices: what is not wrong but worth knowing.
    """

    records: Records
    plan: Plan
    checks: tuple[Check, ...]
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]

    @property
    def status(self) -> int:
        """0 nothing is wrong, 1 something is, 3 nothing is wrong as far as could be asked."""
        if self.faults:
            return 1
        return 3 if any(check.faults is None for check in self.checks) else 0

    @property
    def damaged(self) -> tuple[str, ...]:
        """The outputs that `make repair` makes again."""
        return tuple(sorted(set(chain.from_iterable(fault.again for fault in self.faults))))

    @property
    def left_over(self) -> tuple[str, ...]:
        """Outputs that the present report does not depend on, and their sidecars.

        Work of a study that is not up to date is among them.
        """
        of_jobs = (
            (*job.outputs, Paths(self.records.results).sidecar(first))
            for first, job in self.records.left_over.items()
        )
        return tuple(chain.from_iterable(of_jobs))


def audit(results: str, root: Path, plan: Plan = NOT_ASKED) -> Audit:
    """Compare everything below a results folder with its sidecars; nothing is changed.

    Args:
        results: the results folder, as the study names it.
        root: the project's folder.
        plan: what Snakemake would run now.

    Raises:
        DownlinkError: there is nothing to audit.
    """
    try:
        records = read_records(results, root)
        disk = walk(records)
        found = [*records.faults, *disk.faults, *compare(records, disk)]
        given = sources(records, disk)
        found += [*given.faults, *code(records)]
        compared = _comparable(records, found)
        if compared:
            found += report_numbers(Paths(results), root)
        if plan.jobs:
            found.append(Fault("out of date", results, f"is out of date: {plan}"))
    except OSError as error:
        raise DownlinkError(
            f"{error.filename}: {error.strerror}. Let the study come to its end, and see that its "
            "results may be read; then audit again."
        ) from error
    checks = _checks(records, disk, compared, plan, found)
    notices = (*_notices(records, disk), *given.notices)
    return Audit(records, plan, checks, tuple(found), notices)


def _comparable(records: Records, found: Iterable[Fault]) -> bool:
    """Whether the files behind the report's numbers are those that jobs made."""
    read = {Paths(records.results).metrics(), *records.finals}
    bad = {fault.path for fault in found}
    return read <= records.producers.keys() and not read & bad


def _checks(
    records: Records, disk: Disk, compared: bool, plan: Plan, faults: Iterable[Fault]
) -> tuple[Check, ...]:
    kinds = [fault.kind for fault in faults]
    asked = _asked(records, disk)
    unasked = {
        "report": "" if compared else "what it compares is not there as it was made",
        "out of date": plan.reason if plan.jobs is None else "",
    }
    return tuple(
        Check(question, asked[of[0]], None, reason)
        if (reason := unasked.get(of[0], ""))
        else Check(question, asked[of[0]], sum(map(kinds.count, of)))
        for question, of in _QUESTIONS
    )


_QUESTIONS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("Is every sidecar whole, and where it belongs?", ("sidecar",)),
    ("Was every file made by a job on record?", ("no sidecar", "half-written", "link")),
    ("Is every output still what its job made?", ("missing", "changed")),
    (
        "Was every job made from the inputs that are there now?",
        ("made from another", "source"),
    ),
    ("Is the code that ran the present code?", ("code",)),
    (
        "Were the packages those of the lock, and are these versions locked now?",
        ("lock", "packages"),
    ),
    ("Do the report's numbers come from the table?", ("report",)),
    ("Is there nothing left to run?", ("out of date",)),
)
"""What is asked, in order, and the kinds of faults that answer no."""


def _asked(records: Records, disk: Disk) -> dict[Kind, str]:
    """Of how much each question is asked, by the first kind of its faults."""
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


def _notices(records: Records, disk: Disk) -> tuple[str, ...]:
    found = []
    commits = {job.commit for job in records.current.values() if job.commit is not None}
    if len(commits) > 1:
        told = ", ".join(sorted(commit[:12] for commit in commits))
        found.append(f"The jobs come from {len(commits)} commits: {told}.")
    if unknown := sum(job.commit is None for job in records.current.values()):
        found.append(
            f"There is no commit on record for {counted(unknown, 'job')}. Their code is known by "
            "its digests alone."
        )
    if unclean := sum(job.clean is False for job in records.current.values()):
        found.append(
            f"{counted(unclean, 'job')} ran while files differed from the commit. Their code is "
            "known by its digests, not by the commit alone."
        )
    if resumed := sum(bool(job.earlier) for job in records.current.values()):
        found.append(
            f"{counted(resumed, 'job')} went on from a checkpoint. Their times are those of the "
            "last attempt; their sidecars name the earlier ones."
        )
    present = sha256(LOCK)
    if relocked := sum(job.lock != present for job in records.current.values()):
        found.append(
            f"The lock has changed since {counted(relocked, 'job')} ran. What their code reaches "
            "of it was compared."
        )
    if missing := [name for name in records.finals if name not in records.producers]:
        found.append(f"The study is not finished: no job has made {names(missing)} yet.")
    elif records.reached is None:
        found.append("What is left over was not looked for, as the record of some job is missing.")
    if records.left_over:
        found.append(
            f"{counted(len(records.left_over), 'job')} left results that the present report does "
            "not depend on: taken out of the study, or not yet in the report. Run make; when it "
            "has nothing left to do, `python scripts/audit.py --left-over --study FILE` lists what "
            "may be removed, and `| xargs -d '\\n' rm -rf` behind it removes it."
        )
    if disk.others:
        found.append(f"Results of other studies were not looked at: {names(disk.others)}.")
    return tuple(found)
