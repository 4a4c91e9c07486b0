"""Copy the project, and run workflows in the copy."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import planner
import pytest

ROOT = Path(__file__).parents[1]
PARTS = (
    "CITATION.cff",
    "Snakefile",
    "config.yaml",
    "configs",
    "rules",
    "scripts",
    "envs",
    "slurm",
    "profiles",
    "workflow_lib",
)

WITH_GPU = {
    "fit_codec",
    "encode_learned",
    "train_on_originals",
    "train_on_reconstructions",
    "finetune",
}
"""Rules whose jobs use a GPU: trainings, and coding by learned codecs."""


@dataclass(frozen=True)
class Project:
    """A copy of the project."""

    folder: Path

    def snakemake(
        self, *options: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the copy, with the copy's own library."""
        told = self._environment(environment)
        done = planner.snakemake(["--cores", "2", *options], self.folder, told)
        return self._checked(done, check)

    def call(
        self, command: list[str], check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        return self._checked(done, check)

    def _environment(self, changes: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder), **changes}

    def _checked(
        self, done: subprocess.CompletedProcess[str], check: bool
    ) -> subprocess.CompletedProcess[str]:
        if check and done.returncode:
            logs = "\n".join(
                f"== {log}\n{log.read_text()[-2000:]}"
                for log in sorted(self.folder.glob("results/**/*.log"))
                if "Error" in log.read_text() or "error:" in log.read_text()
            )
            pytest.fail(f"{' '.join(done.args)}\n{done.stdout}\n{done.stderr[-6000:]}\n{logs}")
        return done

    def planned(self, *options: str) -> dict[str, int]:
        """Count the jobs that a dry run lists, by rule."""
        done = self.snakemake("-n", "--quiet", "rules", *options)
        lines = (done.stdout + done.stderr).splitlines()
        if "Job stats:" not in lines:
            assert any("Nothing to be done" in line for line in lines), lines
            return {}
        start = lines.index("Job stats:") + 3
        end = next(i for i in range(start, len(lines)) if lines[i].startswith("total"))
        return {line.split()[0]: int(line.split()[1]) for line in lines[start:end]}

    def outputs(self, *options: str) -> dict[str, bool]:
        """Return every output of the study's jobs, and whether a run would make it now."""
        lines = self.snakemake("--summary", *options).stdout.splitlines()
        header, *rows = [line.split("\t") for line in lines if line.count("\t") == 5]
        assert (header[0], header[-1]) == ("output_file", "plan")
        return {row[0]: row[-1] == "update pending" for row in rows}


def copied(folder: Path) -> Project:
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return Project(folder)
