"""Audit a results folder: compare its files with the records of the jobs that made them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.code import code_faults
from workflow_lib.provenance.audit.disk import Disk, output_faults, walk
from workflow_lib.provenance.audit.dry_run import NOT_RUN, DryRun
from workflow_lib.provenance.audit.faults import Fault, Kind, counted
from workflow_lib.provenance.audit.notices import notices, patches
from workflow_lib.provenance.audit.records import Records, read_records
from workflow_lib.provenance.audit.reported_numbers import report_numbers
from workflow_lib.provenance.audit.sources import check_sources
from workflow_lib.provenance.installation import Installation
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


@dataclass(frozen=True)
class Present:
    """What an audit compares results with, beside the project's files.

    Attributes:
        plan: the jobs that Snakemake would run now.
        study: name of the study; empty if any will do.
        patched: packages that the study declares to be altered, with the reason.
        installation: the installed packages; None leaves them out.
        last_jobs: makes the last results again and compares them; None leaves this out.
    """

    plan: DryRun = NOT_RUN
    study: str = ""
    patched: Mapping[str, str] = field(default_factory=dict)
    installation: Installation | None = None
    last_jobs: Callable[[Records], Iterable[Fault]] | None = None


def audit(results: str, root: Path, present: Present = Present()) -> Audit:
    """Compare everything below a results folder with its sidecars, without changing anything.

    Args:
        results: the results folder, as the study names it.
        root: the folder in which the study ran; results and records name files from there.
        present: what else is here now.

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
        found += _out_of_date(records, present, {fault.kind for fault in found})
        found += _altered(present)
        checks = _checks(records, disk, compared, present.plan, found)
        again = _made_again(records, bool(found), present)
    except OSError as error:
        raise DownlinkError(
            f"{error.filename}: {error.strerror}. Wait until the study has finished and check that "
            "you may read its results. Then run the audit again."
        ) from error
    checks = (*checks, *_installation_check(records, present, found), *again.checks)
    told = (*notices(records, disk), *patches(records, present.patched), *inputs.notices)
    return Audit(records, present.plan, checks, (*found, *again.faults), told, present.study)


@dataclass(frozen=True)
class _Again:
    checks: tuple[AuditCheck, ...] = ()
    faults: tuple[Fault, ...] = ()


def _made_again(records: Records, faulty: bool, present: Present) -> _Again:
    """Make the last results again, if nothing that they were made from is at fault."""
    if present.last_jobs is None:
        return _Again()
    question = "Do the same table, findings and report come out again?"
    asked = "collecting, judging and reporting"
    if faulty or present.plan.jobs != {}:
        return _Again((AuditCheck(question, asked, None, "first mend what is found above"),))
    faults = tuple(present.last_jobs(records))
    return _Again((AuditCheck(question, asked, len(faults)),), faults)


def _altered(present: Present) -> Iterator[Fault]:
    """Faults of installed packages that the study does not declare to be altered."""
    if installed := present.installation:
        for package, files in installed.differing.items():
            if package not in present.patched:
                for file, what in files.items():
                    yield Fault("altered", f"{installed.site}/{file}", f"of {package} {what}")


def _installation_check(
    records: Records, present: Present, faults: Iterable[Fault]
) -> Iterator[AuditCheck]:
    if present.installation is None:
        return
    question = "Are the installed packages as their makers made them, and were they when jobs ran?"
    files = counted(present.installation.files, "file")
    altered = sum(fault.kind == "altered" for fault in faults)
    unknown = sum(job.altered is None for job in records.current.values())
    reason = f"nobody compared them when {counted(unknown, 'job')} ran" if unknown else ""
    yield AuditCheck(question, files, altered if altered or not unknown else None, reason)


def _out_of_date(records: Records, present: Present, known: set[Kind]) -> Iterator[Fault]:
    """Faults of jobs that the present study would tell something else.

    Results of another study are one fault: to make them anew would overwrite good results.
    """
    made_for, plan = _made_for(records), present.plan
    if present.study and made_for and made_for != present.study:
        what = f"holds results of the study {made_for}, not of {present.study}"
        yield Fault("another study", records.results, what)
        return
    for output, found in plan.differences.items():
        # files and packages are named by faults of their own
        own = [each for each in found if each != CODE_CHANGED or not {"code", "lock"} & known]
        if own:
            rule = records.jobs[output].rule if output in records.jobs else ""
            yield Fault("out of date", output, f"is not as the study says: {'; '.join(own)}", rule)
    if plan.jobs:
        yield Fault("out of date", records.results, f"is out of date: {plan}")


def _made_for(records: Records) -> str | None:
    """Name of the study whose findings these are; None if it is not on record."""
    judge = records.producers.get(Paths(records.results).findings())
    try:
        return str(json.loads(judge.parameters["study"][0])["name"]) if judge else None
    except (KeyError, IndexError, ValueError, TypeError, RecursionError):
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
