"""Large studies are quick to plan, because imports are light and jobs have few inputs."""

import re
import sys
from collections import Counter

import yaml

SMOKE = ("--configfile", "configs/smoke.yaml")
HEAVY = {"torch", "zarr", "dask", "xarray", "rasterio", "numpy", "pandas", "scipy", "compressai"}


def imported(project, folder):
    """List the top-level packages that parsing a folder's Snakefile imports."""
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "--list-rules"]
    done = project.call([*command, "--snakefile", str(folder / "Snakefile")])
    return set(re.findall(r"^import time:.*\| +([\w]+)$", done.stderr, re.MULTILINE))


def test_parsing_imports_nothing_heavy(project, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    (empty / "Snakefile").write_text("rule all:\n")
    own = imported(project, project.folder)
    assert "workflow_lib" in own
    assert not {"torch", "zarr", "dask"} & own
    # Snakemake's plugins may import pandas, and with it numpy.
    assert not HEAVY & (own - imported(project, empty))


def test_no_job_but_the_gathering_ones_reads_a_file_per_scene(project):
    """Planning time grows with edges; jobs × scenes would be 600,000 edges in a large study."""
    smoke = yaml.safe_load((project.folder / "configs/smoke.yaml").read_text())
    smoke["datasets"]["tiny-thermal"]["source"]["scenes"] = 7
    (project.folder / "seven.yaml").write_text(yaml.safe_dump(smoke))
    plan = project.snakemake("--dag", "dot", "--configfile", "seven.yaml").stdout
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)', plan))
    needs = Counter(reader for _, reader in re.findall(r"(\d+) -> (\d+)", plan))
    most = dict.fromkeys(rules.values(), 0)
    for job, count in needs.items():
        most[rules[job]] = max(most[rules[job]], count)
    assert most["encode_scene"] == 1
    assert most["encode_learned"] <= 2
    assert most["fit_codec"] == most["train_on_originals"] == 1
    assert most["score_on_reconstructions"] <= 3
    assert most["gather_tiles"] == most["gather_reconstructions"] == 7
