"""The audit's output in the terminal, as a page and as JSON."""

import json
import os
import re

import pytest
from audited_tree import BITSTREAM, RESULTS, WEIGHTS, finished

from workflow_lib.provenance.audit.audit import Present, audit
from workflow_lib.provenance.audit.dry_run import NOT_RUN, DryRun
from workflow_lib.provenance.audit.presentation import account, rules, write_json, write_page


@pytest.fixture
def tree(tmp_path):
    return finished(tmp_path)


def audited(tree):
    return audit(RESULTS, tree.root)


def page(tree):
    write_page(audited(tree), tree.root / "audit.html")
    return (tree.root / "audit.html").read_text()


def test_the_audits_own_files_are_not_faults(tree):
    write_json(audited(tree), tree.root / RESULTS / "audit.json")
    write_page(audited(tree), tree.root / RESULTS / "audit.html")
    assert audited(tree).faults == ()


def test_the_json_contains_the_exit_status(tree):
    """Audits without Snakemake, with Snakemake, and after one byte changed."""
    target = tree.root / RESULTS / "audit.json"
    for status, plan in ((3, NOT_RUN), (0, DryRun({}))):
        write_json(audit(RESULTS, tree.root, Present(plan)), target)
        assert json.loads(target.read_text())["status"] == status
    tree.flip(WEIGHTS, 1)
    write_json(audited(tree), target)
    assert json.loads(target.read_text())["status"] == 1


def test_the_terminal_shows_the_first_faults_and_the_json_all(tree):
    for n in range(30):
        tree.put(f"{RESULTS}/stray{n:02}", "x")
    found = audited(tree)
    lines = list(account(found))
    assert sum("stray" in line for line in lines) == 20
    assert any("10 more" in line for line in lines)
    write_json(found, tree.root / "audit.json")
    content = json.loads((tree.root / "audit.json").read_text())
    assert len(content["faults"]) == 30
    assert content["seal"] == found.records.seal


def test_the_page_shows_faults_remedies_and_jobs(tree):
    tree.flip(WEIGHTS, 1)
    tree.rewrite(BITSTREAM, node="elsewhere", peak_memory_mb=2000.0)
    text = page(tree)
    assert "1 fault found" in text
    assert all(word in text for word in (WEIGHTS, "make repair", "fit_codec", "elsewhere"))
    assert audited(tree).records.seal in text
    (coded,) = (rule for rule in rules(audited(tree)) if rule.name == "encode_learned")
    assert (coded.jobs, coded.seconds, coded.peak_memory_mb) == (1, 1.0, 2000.0)


def test_the_page_loads_no_files_and_runs_no_scripts(tree):
    tree.put(f"{RESULTS}/<script>alert(1)</script>", "x")
    tree.rewrite(WEIGHTS, node="<img src=x onerror=alert(1)>")
    text = page(tree)
    assert not re.search(r"<script|<img|<[^>]* (src|href)=|url\(", text)
    assert "&lt;script&gt;" in text


def test_control_characters_in_names_are_escaped(tree):
    tree.put(f"{RESULTS}/\x1b[2J\nall is well", "x")
    (tree.root / os.fsdecode(f"{RESULTS}/".encode() + b"\xff\xfe")).write_text("x")
    found = audited(tree)
    assert len(found.faults) == 2
    told = "\n".join(account(found))
    assert "\x1b" not in told
    assert "\nall is well" not in told
    told.encode()
    write_json(found, tree.root / "audit.json")
    assert "\x1b" not in page(tree)
