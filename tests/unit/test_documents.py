"""Documents are finished, and point at what there is."""

import re
import subprocess
from pathlib import Path

import pytest

from workflow_lib.codecs.catalogue import codec_table

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
UNFINISHED = re.compile(r"\b(TODO|TBD|XXX|FIXME|RESULTS|NU_B|COST)\b|\{[A-Z]\}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_nothing_is_left_to_fill_in(document):
    assert not UNFINISHED.search(document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_commands_name_files_that_exist(document):
    text = document.read_text()
    linked = [name for name in re.findall(r"\]\(([^)#]+)", text) if "://" not in name]
    called = re.findall(r"python ((?:scripts|bench)/\w+\.py)", text)
    missing = [name for name in linked if not (document.parent / name).exists()]
    missing += [name for name in called if not (ROOT / name).exists()]
    assert missing == []


def test_make_alone_runs_the_study_as_the_readme_says():
    planned = subprocess.run(
        ["make", "--dry-run", "--directory", str(ROOT)], capture_output=True, text=True, check=True
    )
    assert re.search("^snakemake --cores", planned.stdout, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_make_is_asked_for_is_a_target(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE))
    assert asked <= targets


def test_the_table_of_codecs_is_the_registrys():
    assert f"\n\n{codec_table()}\n\n" in (ROOT / "docs/codec.md").read_text()
