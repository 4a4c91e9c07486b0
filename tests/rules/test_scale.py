"""What keeps large studies quick to plan: light imports, and few inputs per job."""

import re
import sys
from collections import Counter

import yaml

SMOKE = ("--configfile", "configs/smoke.yaml")
HEAVY = {"torch", "zarr", "dask", "xarray", "rasterio", "numpy", "pandas", "scipy", "compressai"}


def imported(project, folder):
    """Top-level packages that are imported while the Snakefile of a folder is parsed."""
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "--list-rules"]
    done = project.call([*command, "--snakefile", str(folder / "Snakefile")])
    return set(re.findall(r"^import time:.*\| +([\w]+)$", done.stderr, re.MULTILINE))


def test_parsing_imports_nothing_heavy(project, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    (empty / "Snakefile").write_text("rule all:\n")
    own = imported(project, project.folder)
    assert "workflow_lib" in own
    assert not {"torch", "zarr", "dask"} & own
    # plugins of Snakemake's may need pandas, and with it numpy
    assert not HEAVY & (own - imported(project, empty))


def test_no_job_but_the_gathering_ones_reads_a_file_per_scene(project):
    """Snakemake plans by the edge: jobs × scenes would be 600,000 of them in a large study."""
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
