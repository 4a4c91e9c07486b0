"""What a job is told, read from its command, and compared with its record."""

import json
import shlex
from dataclasses import replace

import pytest
from blank import BLANK

from workflow_lib.provenance.told import (
    CODE_CHANGED,
    Told,
    differences,
    other_inputs,
    other_packages,
    summary,
)

STUDY = {"statistics": {"epsilon": 0.01, "resamples": 200}}
JOB = {
    "rule": "judge_study",
    "wildcards": {"dataset": "fire"},
    "inputs": ["results/it's here.parquet"],
    "outputs": ["results/findings.json"],
    "sidecar": "results/provenance/findings.json.json",
    "code": "a" * 64,
    "shell": "b" * 64,
    "free": ["threads"],
}


def told(study=STUDY, threads=1, **changes):
    described = shlex.quote(json.dumps({**JOB, **changes}))
    options = f"--study {shlex.quote(json.dumps(study))} --threads {threads} --metrics 'a b' c"
    run = f'DOWNLINK_JOB=/dev/fd/3 exec "$P" "$R"/scripts/judge_study.py {options}'
    return Told.of_command(f"{run} < <(printf '%s\\n' x) > log 2>&1 3<<<{described}")


@pytest.fixture
def record():
    found = told()
    return replace(
        BLANK,
        rule=found.rule,
        wildcards=dict(found.wildcards),
        parameters=dict(found.parameters),
        inputs=dict.fromkeys(found.inputs, "0" * 64),
        outputs=dict.fromkeys(found.outputs, "1" * 64),
        told=summary(JOB),
    )


def test_a_command_is_read_as_the_shell_reads_it():
    found = told()
    assert found.parameters["metrics"] == ["a b", "c"]
    assert json.loads(found.parameters["study"][0]) == STUDY
    assert found.inputs == ("results/it's here.parquet",)


def test_the_same_command_differs_in_nothing(record):
    assert differences(told(), record) == []


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (
            told({"statistics": {"epsilon": 0.05, "resamples": 200}}),
            "study.statistics.epsilon: 0.01 on record, now 0.05",
        ),
        (told({"statistics": {"epsilon": 0.01}}), "resamples: 200 on record, now nothing"),
        (told(wildcards={"dataset": "cloud"}), 'dataset: "fire" on record, now "cloud"'),
        (told(rule="write_report"), "rule: judge_study on record, now write_report"),
        (told(inputs=["other"]), "it did not read other"),
        (told(inputs=[]), "it read other inputs"),
        (told(outputs=["results/findings.json", "b"]), "it made other outputs"),
        (told(code="c" * 64), CODE_CHANGED),
        (told(shell="c" * 64), "the rule's command, or what precedes it, has changed"),
    ],
)
def test_each_difference_is_named(record, now, named):
    (found,) = differences(now, record)
    assert named in found


def test_options_that_change_no_result_are_free(record):
    assert differences(told(threads=8), record) == []


def test_a_missing_record_is_a_difference():
    assert differences(told(), None) == ["there is no intact record of this job"]


def test_an_input_that_was_made_again_is_named(record):
    (read,) = JOB["inputs"]
    producer = replace(BLANK, outputs={read: "2" * 64, "unread": "3" * 64})
    assert other_inputs(record, [producer, None]) == [f"{read} was made again since"]
    same = replace(BLANK, outputs={read: "0" * 64})
    assert other_inputs(record, [same]) == []


def test_a_package_that_was_installed_in_another_version_is_named():
    locked = {"numpy": "2.4.6", "torch": "2.13.0", "gone": "1"}
    ran = {"numpy": "2.4.5", "torch": "2.13.0+cpu", "gone": "1"}
    record = replace(BLANK, packages=ran, locked=locked)
    present = {"numpy": "2.4.6", "torch": "2.13.0"}
    assert other_packages(record, present) == ["numpy: 2.4.5 on record, now 2.4.6 is installed"]
    unlocked = {"numpy": "9.9"}
    assert other_packages(record, unlocked) == []


def test_text_that_looks_like_a_redirection_is_text(record):
    now = told({"caption": "temperature < <(300 K) > 3<<<'x"})
    assert "caption" in now.parameters["study"][0]
