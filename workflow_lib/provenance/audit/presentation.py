"""Present an audit in the terminal, as JSON, and as a self-contained HTML page."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from workflow_lib.files import atomic
from workflow_lib.provenance.audit.audit import Audit, AuditCheck
from workflow_lib.provenance.audit.faults import counted, printable
from workflow_lib.provenance.audit.records import jobs_by_rule
from workflow_lib.provenance.sidecar import Sidecar

_HERE = Path(__file__).parent
_STYLE = _HERE.parents[1] / "report" / "templates"
_MAX_FAULTS_SHOWN = 20


@dataclass(frozen=True)
class Rule:
    """Totals of one rule: number of jobs, seconds of all jobs, peak memory in MB of one job."""

    name: str
    jobs: int
    seconds: float
    peak_memory_mb: float


def account(audit: Audit) -> Iterator[str]:
    """The audit as lines for the terminal."""
    yield f"Audit of {_subject(audit)}"
    for check in audit.checks:
        yield f"  {sign(check)} {check.question} {answer(check)} ({check.asked})"
    yield from (f"  · {printable(notice)}" for notice in audit.notices)
    yield from (f"  {fault}" for fault in audit.faults[:_MAX_FAULTS_SHOWN])
    if len(audit.faults) > _MAX_FAULTS_SHOWN:
        yield f"  and {len(audit.faults) - _MAX_FAULTS_SHOWN:,} more in audit.json"
    yield f"seal {audit.records.seal}"
    yield verdict(audit)


def sign(check: AuditCheck) -> str:
    """A symbol for a check's answer, readable without colour."""
    return "·" if check.faults is None else "✗" if check.faults else "✓"


def answer(check: AuditCheck) -> str:
    """A check's answer in words."""
    if check.faults is None:
        return f"not checked: {printable(check.reason)}"
    return counted(check.faults, "fault") if check.faults else "yes"


def verdict(audit: Audit) -> str:
    """The audit in one sentence."""
    if not audit.faults:
        sound = f"the recorded jobs made {_subject(audit)} from the present code, lock and data"
        if audit.status:
            return f"Sound as far as could be checked: {sound}."
        return f"Sound: {sound}."
    repair = f"; make repair regenerates {counted(len(audit.damaged), 'output')}"
    return f"{counted(len(audit.faults), 'fault')} found{repair if audit.damaged else ''}."


def _subject(audit: Audit) -> str:
    of = f" of the study {audit.study}" if audit.study else ""
    return f"{audit.records.results}{of}"


def write_json(audit: Audit, target: Path) -> None:
    """Write the whole audit as JSON.

    Raises:
        DownlinkError: the disk is full.
    """
    content = {
        "results": audit.records.results,
        "study": audit.study,
        "audited": _now(),
        "status": audit.status,
        "seal": audit.records.seal,
        "jobs": len(audit.records.jobs),
        "checks": [asdict(check) for check in audit.checks],
        "faults": [asdict(fault) | {"remedy": fault.remedy} for fault in audit.faults],
        "notices": audit.notices,
        "left_over": audit.left_over,
    }
    with atomic(target) as draft:
        # ASCII: the name of a stray file need not be valid text
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_page(audit: Audit, target: Path) -> None:
    """Write the HTML page.

    Raises:
        DownlinkError: the disk is full.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE, _STYLE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    jobs = list(audit.records.jobs.values())
    page = environment.get_template("page.html.j2").render(
        audit=audit,
        records=audit.records,
        verdict=verdict(audit),
        sign=sign,
        answer=answer,
        rules=rules(audit),
        facts=_facts(jobs),
        when=_now(),
        packages=_packages(jobs),
    )
    with atomic(target) as draft:
        draft.write_text(page, encoding="utf-8")


def rules(audit: Audit) -> list[Rule]:
    """Jobs, time and memory by rule."""
    return [
        Rule(
            name,
            len(jobs),
            sum(job.seconds for job in jobs),
            max(job.peak_memory_mb for job in jobs),
        )
        for name, jobs in jobs_by_rule(audit.records.jobs.values()).items()
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="seconds")


def _facts(jobs: list[Sidecar]) -> dict[str, list[str]]:
    """The machines and software that jobs ran on, each value once."""
    found = {
        "Commit": {job.commit or "none" for job in jobs},
        "Machine": {job.node for job in jobs},
        "Processor": {job.cpu for job in jobs},
        "GPU": {f"{job.gpu} (driver {job.driver})" for job in jobs if job.gpu},
        "System": {job.platform for job in jobs},
        "Python": {job.python for job in jobs},
        "Networks ran on": {job.device for job in jobs if job.device},
        "Threads of torch": {str(job.threads) for job in jobs if job.threads},
    }
    return {name: sorted(values) for name, values in found.items() if values}


def _packages(jobs: list[Sidecar]) -> dict[str, str]:
    """Installed versions of each package, over all jobs."""
    found: dict[str, set[str]] = {}
    for job in jobs:
        for name, version in job.packages.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}
