"""Run a real Slurm on this machine: one node with fake GPUs, a cpu and a gpu partition."""

import os
import pwd
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

GPUS = 2
CORES, MEMORY_MB = 16, 64000
"""Size of the node in Slurm, larger than the machine, so that jobs overlap while they start."""
_SBIN = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
_SETTINGS = Path("/etc/slurm")  # jobs do not inherit SLURM_CONF
_MARK = "# Made for Downlink's tests, and removed when they end, by process"
_MUNGE = Path("/run/munge")


class ClusterError(Exception):
    """Slurm cannot be started here."""


@dataclass(frozen=True)
class Job:
    """Slurm's record of a job.

    Attributes:
        number: the job's id.
        comment: rule and wildcards, or group, as Snakemake passes them to Slurm.
        folder: the study's folder.
        partition: partition in which the job ran.
        state: e.g. COMPLETED, FAILED, TIMEOUT, CANCELLED.
        gpus: number of allocated GPUs.
        memory_mb: requested memory, in MB.
        minutes: time limit, in minutes.
    """

    number: int
    comment: str
    folder: Path
    partition: str
    state: str
    gpus: int
    memory_mb: int
    minutes: int

    @property
    def rule(self) -> str:
        """Name of the rule, or a group's name and its rules, joined by "_"."""
        return self.comment.removeprefix("rule_").partition("_wildcards_")[0]


@dataclass
class Cluster:
    """munged, slurmctld and slurmd on loopback, with all their files in one folder."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs.

        Raises:
            ClusterError: the user is not root, another Slurm is configured, or a daemon fails.
        """
        if os.geteuid() != 0:
            raise ClusterError("starting Slurm's daemons takes root; run make test-slurm as root")
        self._configure()
        if not self._munge_answers():
            self._start_munge()
        self._daemon("slurmctld", "slurmctld", "-D", "-i")
        self._until("slurmctld answers", lambda: _quiet("scontrol", "ping"))
        self.start_node()

    def start_node(self) -> None:
        """Start or restart slurmd, and wait until the node takes jobs."""
        self._daemon("slurmd", "slurmd", "-D", "-N", _host())
        self._until("the node is up", lambda: "idle" in _said("sinfo", "-h", "-o", "%T"))

    def stop_node(self) -> None:
        """Stop slurmd; running jobs continue."""
        self._stop("slurmd")

    def stop(self) -> None:
        """Stop every daemon that was started here, by its pid, and remove the configuration."""
        if "slurmctld" in self.daemons:
            _quiet("scancel", "--user=root")
            deadline = time.monotonic() + 30  # longer than KillWait
            while _said("squeue", "--noheader") and time.monotonic() < deadline:
                time.sleep(0.2)
        for name in reversed(list(self.daemons)):
            self._stop(name)
        for file in _SETTINGS.glob("*.conf"):
            if file.read_text().startswith(f"{_MARK} {os.getpid()}\n"):
                file.unlink()

    def log_of_node(self) -> str:
        """Read the log of slurmd and its job steps."""
        return (self.folder / "slurmd.log").read_text()

    def jobs(self, folder: Path) -> list[Job]:
        """List all jobs of the study in `folder`, from slurmctld's records."""
        records = _said("scontrol", "--oneliner", "--details", "show", "job").splitlines()
        jobs = [_job(record) for record in records if record.startswith("JobId=")]
        return [job for job in jobs if job.folder == folder]

    def _configure(self) -> None:
        for name, text in {
            "slurm.conf": self._slurm_conf(),
            "gres.conf": self._gres_conf(),
        }.items():
            file = _SETTINGS / name
            if file.exists() and not _left_over(file):
                raise ClusterError(f"{file}: a Slurm is configured here; the tests leave it alone")
            _SETTINGS.mkdir(exist_ok=True)
            file.write_text(f"{_MARK} {os.getpid()}\n{text}")
        for number in range(GPUS):
            (self.folder / f"gpu{number}").touch()

    def _gres_conf(self) -> str:
        return f"Name=gpu Type=fake File={self.folder}/gpu[0-{GPUS - 1}]\n"

    def _slurm_conf(self) -> str:
        host, ports = _host(), _free_ports(2)
        return f"""
ClusterName=downlink
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
ReturnToService=2
MinJobAge=3600
KillWait=10
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=100000,bf_interval=1
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={CORES} RealMemory={MEMORY_MB} Gres=gpu:fake:{GPUS}
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""

    def _munge_answers(self) -> bool:
        return _quiet("sh", "-c", "munge -n | unmunge")

    def _start_munge(self) -> None:
        own = pwd.getpwnam("munge")
        for folder in (_MUNGE, Path("/var/lib/munge"), Path("/var/log/munge")):
            folder.mkdir(exist_ok=True)
            os.chown(folder, own.pw_uid, own.pw_gid)
        _MUNGE.chmod(0o755)
        if not Path("/etc/munge/munge.key").exists():
            subprocess.run(["mungekey", "--create"], env=_SBIN, check=True)
            os.chown("/etc/munge/munge.key", own.pw_uid, own.pw_gid)
        self._daemon("munged", "munged", "--foreground", user="munge")
        self._until("munge answers", self._munge_answers)

    def _daemon(self, name: str, *command: str, user: str | None = None) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                command, env=_SBIN, stdout=out, stderr=out, user=user, start_new_session=True
            )

    def _stop(self, name: str) -> None:
        daemon = self.daemons.pop(name)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _until(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            dead = [name for name, daemon in self.daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                said = "\n".join(
                    f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                    for log in sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
                )
                raise ClusterError(f"not so: {what} (ended: {dead or 'none'})\n{said}")
            time.sleep(0.2)


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _left_over(file: Path) -> bool:
    """Whether killed tests left this configuration behind."""
    first = file.read_text().partition("\n")[0]
    process = first.removeprefix(_MARK).strip()
    return process.isdigit() and not Path("/proc", process).exists()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _quiet(*command: str) -> bool:
    return subprocess.run(command, env=_SBIN, capture_output=True, check=False).returncode == 0


def _said(*command: str) -> str:
    done = subprocess.run(command, env=_SBIN, capture_output=True, text=True, check=False)
    return done.stdout


def _job(record: str) -> Job:
    fields = dict(pair.split("=", 1) for pair in record.split() if "=" in pair)
    gpus = re.search(r"gpu\S*:(\d+)", fields.get("JOB_GRES", ""))
    days, _, clock = fields["TimeLimit"].rpartition("-")
    hours, minutes, _ = map(int, clock.split(":"))
    return Job(
        number=int(fields["JobId"]),
        comment=fields.get("Comment", ""),
        folder=Path(fields["WorkDir"]),
        partition=fields["Partition"],
        state=fields["JobState"],
        gpus=int(gpus[1]) if gpus else 0,
        memory_mb=_megabytes(re.search(r"mem=([^,]+)", fields.get("TRES", ""))),
        minutes=(24 * int(days or 0) + hours) * 60 + minutes,
    )


def _megabytes(found: re.Match[str] | None) -> int:
    if found is None:
        return 0
    unit = {"M": 1, "G": 1024}[found[1][-1]]
    return round(float(found[1][:-1]) * unit)
