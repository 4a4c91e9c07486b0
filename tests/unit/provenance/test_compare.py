"""Compare two runs of a study: every planted difference is found, named and rated correctly."""

import json
import math
import shutil

import finished_trees as trees
import numpy as np
import pytest
import zarr
from finished_trees import CLASSICAL, LOSSLESS, PATHS, POINT, SEGMENTER, TUNED, Tree

from workflow_lib.errors import DownlinkError
from workflow_lib.inference.findings import Estimate
from workflow_lib.paths import manifest
from workflow_lib.provenance.reproduction.compare import compare, described
from workflow_lib.provenance.reproduction.kinds import KINDS
from workflow_lib.provenance.reproduction.platform_match import PlatformMatch
from workflow_lib.provenance.reproduction.reproduce import to_text

RUN = f"{PATHS.run_folder(SEGMENTER)}/0123456789ab/metrics.jsonl"
STORE = PATHS.reconstruction(*POINT, "s")
CLASSICAL_STORE = PATHS.reconstruction(*CLASSICAL, "s")
MACHINES = {
    PlatformMatch.PLATFORM: {},
    PlatformMatch.DEVICE: {"cpu": "Another processor"},
    PlatformMatch.OTHER: {"device": "cuda", "gpu": "A GPU"},
}
OTHER_BYTES = {
    PATHS.archive_mark("a.whl"): ("marks of archives", PlatformMatch.OTHER),
    PATHS.scene("d", "s"): ("scenes", PlatformMatch.OTHER),
    manifest(PATHS.tiles("d", "s")): ("tile stores, manifests", PlatformMatch.OTHER),
    PATHS.gathered_tiles("d"): ("lists of tile stores", PlatformMatch.OTHER),
    PATHS.bitstream(*CLASSICAL, "s"): ("classical bitstreams", PlatformMatch.OTHER),
    PATHS.threshold_baseline("d", 0): ("threshold baselines", PlatformMatch.OTHER),
    PATHS.codec_weights(*POINT): ("codec weights", PlatformMatch.PLATFORM),
    SEGMENTER: ("segmenter weights", PlatformMatch.PLATFORM),
    TUNED: ("segmenter weights", PlatformMatch.PLATFORM),
    PATHS.finetuning_choice(TUNED): ("fine-tuning choices", PlatformMatch.PLATFORM),
    PATHS.bitstream(*POINT, "s"): ("learned bitstreams", PlatformMatch.PLATFORM),
    manifest(PATHS.reconstruction(*LOSSLESS, "s")): (
        "lossless reconstructions",
        PlatformMatch.OTHER,
    ),
    manifest(STORE): ("manifests of reconstructions", PlatformMatch.PLATFORM),
    PATHS.gathered_reconstructions(*CLASSICAL): (
        "lists of reconstructions",
        PlatformMatch.PLATFORM,
    ),
    PATHS.distortion(*CLASSICAL, "s"): ("tables of figures", PlatformMatch.PLATFORM),
    PATHS.baseline_scores("d", 0): ("tables of figures", PlatformMatch.PLATFORM),
    PATHS.metrics(): ("tables of figures", PlatformMatch.PLATFORM),
    PATHS.report(): ("report", PlatformMatch.PLATFORM),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make one tree per machine, to be copied."""
    return {
        alike: Tree(tmp_path_factory.mktemp(alike.name), **fields)
        for alike, fields in MACHINES.items()
    }


@pytest.fixture
def first(made, tmp_path):
    return made[PlatformMatch.PLATFORM].copied(tmp_path / "first")


@pytest.fixture
def second_on(made, tmp_path):
    return lambda alike: made[alike].copied(tmp_path / "second")


@pytest.fixture
def second(second_on):
    return second_on(PlatformMatch.PLATFORM)


def row(comparison, kind):
    return next(row for row in comparison.rows if row.kind == kind)


def short(path):
    return path.removeprefix(f"{trees.ROOT}/")


def test_equal_runs_are_reproduced_and_every_kind_is_compared(first, second):
    found = compare(first.results, second.results)
    assert found.reproduced
    assert found.platform_match is PlatformMatch.PLATFORM
    assert not found.platform_differences
    assert [each.kind for each in found.rows] == [kind.name for kind in KINDS[:-1]]
    assert all(each.equal == each.artifacts > 0 and each.required for each in found.rows)
    assert row(found, "losses of trainings").artifacts == 6
    assert described(found).endswith("\nReproduced.")


@pytest.mark.parametrize("path", OTHER_BYTES)
def test_different_bytes_are_reported_with_the_file(first, second, path):
    second.file(path).write_text(second.file(path).read_text() + "other\n")
    kind = OTHER_BYTES[path][0]
    found = compare(first.results, second.results)
    assert [each.kind for each in found.rows if not each.holds] == [kind]
    assert short(path) in row(found, kind).outside[0]
    assert not found.reproduced
    assert short(path) in described(found)


@pytest.mark.parametrize("alike", MACHINES)
def test_different_bytes_fail_only_where_equality_is_required(first, second_on, alike):
    second = second_on(alike)
    for path in OTHER_BYTES:
        second.file(path).write_text(second.file(path).read_text() + "other\n")
    found = compare(first.results, second.results)
    assert found.platform_match is alike
    for kind, needs in OTHER_BYTES.values():
        assert not row(found, kind).holds
        assert row(found, kind).required == (alike >= needs)
    for path in (p for p, (_, needs) in OTHER_BYTES.items() if needs is PlatformMatch.OTHER):
        second.file(path).write_text(first.file(path).read_text())
    assert compare(first.results, second.results).reproduced == (alike < PlatformMatch.PLATFORM)


def test_one_changed_byte_of_a_tile_store_is_found(first, second):
    chunk = next(f for f in second.file(PATHS.tiles("d", "s")).rglob("c/*") if f.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"!")
    found = compare(first.results, second.results)
    assert [each.kind for each in found.rows if not each.holds] == ["tile stores, manifests"]
    assert not found.reproduced


def rewrite(tree, store, counts):
    """Replace the counts of a store, and keep its manifest."""
    kept = tree.file(manifest(store)).read_text()
    trees.write_store(tree.file(store), counts)
    tree.file(manifest(store)).write_text(kept)


@pytest.mark.parametrize("alike", MACHINES)
@pytest.mark.parametrize(("off", "holds"), [(0, True), (1, True), (-1, True), (2, False)])
def test_classical_reconstructions_may_differ_by_one_count(first, second_on, off, holds, alike):
    second = second_on(alike)
    counts = trees.COUNTS.copy()
    counts[1, 2, 3, 0] += off
    rewrite(second, CLASSICAL_STORE, counts)
    found = compare(first.results, second.results)
    stores = row(found, "classical reconstructions")
    assert stores.largest == abs(off)
    assert stores.artifacts - stores.equal == (off != 0)
    assert found.reproduced == stores.holds == holds


@pytest.mark.parametrize("alike", MACHINES)
@pytest.mark.parametrize(
    ("factor", "holds"), [(1, True), (1.05, True), (0.95, True), (1.06, False)]
)
def test_errors_of_learned_reconstructions_may_differ_by_0_5_db(
    first, second_on, factor, holds, alike
):
    second = second_on(alike)
    error = np.where(np.arange(trees.COUNTS.size) % 2, 100, -100).reshape(trees.COUNTS.shape)
    rewrite(first, STORE, trees.COUNTS + 1000 + error)
    rewrite(second, STORE, trees.COUNTS + 1000 - error)
    rewrite(first, PATHS.tiles("d", "s"), trees.COUNTS + 1000)
    rewrite(second, PATHS.tiles("d", "s"), trees.COUNTS + 1000)
    rewrite(second, STORE, np.rint(trees.COUNTS + 1000 - factor * error))
    found = compare(first.results, second.results)
    stores = row(found, "learned reconstructions")
    assert stores.largest == pytest.approx(abs(20 * math.log10(factor)))
    assert stores.holds == holds
    assert stores.equal == 0  # different trees of equal quality
    assert found.reproduced == (holds or alike is PlatformMatch.OTHER)


def test_missing_pixels_have_no_error(first, second):
    for tree, decoded in ((first, 7), (second, 9000)):
        original, store = trees.COUNTS.copy(), trees.COUNTS + 5
        original[0, 0, 0, 0], store[0, 0, 0, 0] = 0, decoded
        rewrite(tree, PATHS.tiles("d", "s"), original)
        rewrite(tree, STORE, store)
    assert row(compare(first.results, second.results), "learned reconstructions").largest == 0


def test_reconstructions_at_other_places_do_not_match(first, second):
    column = zarr.open_array(second.file(CLASSICAL_STORE) / "col", mode="r+")
    column[1] = 7
    stores = row(compare(first.results, second.results), "classical reconstructions")
    assert stores.outside == (f"{short(CLASSICAL_STORE)}: other tiles",)


@pytest.mark.parametrize(
    ("store", "kind"),
    [(STORE, "learned reconstructions"), (CLASSICAL_STORE, "classical reconstructions")],
)
def test_reconstructions_of_other_tiles_do_not_match(first, second, store, kind):
    trees.write_store(second.file(store), trees.COUNTS[:1])
    stores = row(compare(first.results, second.results), kind)
    assert stores.largest == math.inf
    assert stores.outside == (f"{short(store)}: other tiles",)


@pytest.mark.parametrize("alike", MACHINES)
@pytest.mark.parametrize(("by", "holds"), [(1.0, True), (1.6, True), (0.61, True), (1.7, False)])
def test_losses_may_differ_by_40_percent(first, second_on, by, holds, alike):
    second = second_on(alike)
    second.file(RUN).write_text(trees.journal(loss=0.5 * by, seconds=77.0))
    found = compare(first.results, second.results)
    losses = row(found, "losses of trainings")
    assert losses.holds == holds
    assert losses.largest == pytest.approx(abs(by - 1) / max(by, 1))
    assert losses.artifacts - losses.equal == (by != 1)
    assert found.reproduced == (holds or alike is PlatformMatch.OTHER)


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_a_loss_that_is_not_a_number_exceeds_every_bound(first, second, loss):
    second.file(RUN).write_text(trees.journal(loss=loss))
    found = compare(first.results, second.results)
    assert row(found, "losses of trainings").largest == math.inf
    assert not found.reproduced


def test_journals_of_other_steps_or_incomplete_ones_do_not_match(first, second):
    second.file(RUN).write_text(trees.journal(step=4))
    losses = row(compare(first.results, second.results), "losses of trainings")
    assert "other steps" in losses.outside[0]
    second.file(RUN).write_text('{"step": 3}\n')
    with pytest.raises(DownlinkError, match=r"metrics\.jsonl.*Run the training again"):
        compare(first.results, second.results)


@pytest.mark.parametrize("alike", MACHINES)
@pytest.mark.parametrize(
    ("iou", "holds"), [(0.5, True), (0.61, True), (0.301, True), (0.71, False), (0.29, False)]
)
def test_intervals_of_estimates_must_overlap_on_any_machine(first, second_on, iou, holds, alike):
    second = second_on(alike)
    second.file(PATHS.findings()).write_text(trees.findings(iou=iou).canonical())
    found = compare(first.results, second.results)
    estimates = row(found, "estimates")
    assert estimates.largest == pytest.approx(abs(iou - 0.5) / 0.1)
    assert found.reproduced == estimates.holds == holds
    if not holds:
        assert f"d unet dgml 0.01 frozen iou: {iou - 0.1:.6g} … " in estimates.outside[0]
        assert estimates.outside[0].endswith("not 0.4 … 0.6")


@pytest.mark.parametrize(("value", "holds"), [(0.59, True), (0.61, False)])
def test_a_value_without_an_interval_must_lie_in_the_first_interval(first, second, value, holds):
    (one,) = trees.findings().findings
    bare = one.model_copy(update={"ceiling": Estimate(value=value + 0.1)})
    text = trees.findings().model_copy(update={"findings": (bare,)})
    second.file(PATHS.findings()).write_text(text.canonical())
    assert compare(first.results, second.results).reproduced == holds


def test_an_estimate_without_a_value_is_not_in_the_interval(first, second):
    (one,) = trees.findings().findings
    lost = one.model_copy(update={"ceiling": Estimate(reason="none")})
    text = trees.findings().model_copy(update={"findings": (lost,)})
    second.file(PATHS.findings()).write_text(text.canonical())
    estimates = row(compare(first.results, second.results), "estimates")
    assert estimates.largest == math.inf
    assert "d unet ceiling: no value, not 0.5 … 0.7" in estimates.outside[0]
    assert compare(second.results, first.results).reproduced  # the first run has no value there


def test_an_estimate_that_only_the_first_run_has_fails(first, second):
    lost = trees.findings()
    (one,) = lost.findings
    text = lost.model_copy(update={"findings": (one.model_copy(update={"points": ()}),)})
    second.file(PATHS.findings()).write_text(text.canonical())
    estimates = row(compare(first.results, second.results), "estimates")
    assert len(estimates.outside) == 3
    assert all(line.endswith("on one side alone") for line in estimates.outside)


def test_the_main_table_may_differ_in_values_but_not_in_rows(first, second):
    second.file(PATHS.main_table()).write_text(trees.main_table(iou="0.25"))
    found = compare(first.results, second.results)
    assert found.reproduced
    assert row(found, "main table").largest == pytest.approx(0.5)
    second.file(PATHS.main_table()).write_text(trees.main_table().replace("inf", "60.0"))
    assert row(compare(first.results, second.results), "main table").largest == math.inf
    for text in (trees.main_table(iou=""), trees.main_table().replace("dgml", "other")):
        second.file(PATHS.main_table()).write_text(text)
        assert not compare(first.results, second.results).reproduced


def test_missing_and_extra_artifacts_fail_and_are_named(first, second):
    second.file(PATHS.codec_weights(*POINT)).unlink()
    shutil.rmtree(first.file(STORE))
    second.job("encode_scene", {PATHS.bitstream(*CLASSICAL, "new"): "bits"})
    second.job("write_report", {PATHS.report(): "<html>"}, [PATHS.bitstream(*CLASSICAL, "new")])
    found = compare(first.results, second.results)
    assert found.only_first == (short(PATHS.codec_weights(*POINT)),)
    assert found.only_second == (short(PATHS.bitstream(*CLASSICAL, "new")), short(STORE))
    assert not found.reproduced
    assert "Only in the first:\n  d/codecs/dgml" in described(found)


def test_artifacts_missing_from_both_runs_are_named(first, second):
    for tree in (first, second):
        tree.file(PATHS.codec_weights(*POINT)).unlink()
    found = compare(first.results, second.results)
    assert found.missing == (short(PATHS.codec_weights(*POINT)),)
    assert not found.only_first + found.only_second
    assert not found.reproduced
    assert "Missing in both:\n  d/codecs/dgml" in described(found)


def test_journals_missing_from_both_runs_are_named(first, second):
    for tree in (first, second):
        shutil.rmtree(tree.file(PATHS.run_folder(SEGMENTER)))
    found = compare(first.results, second.results)
    assert found.missing == (f"runs/{short(SEGMENTER)}/metrics.jsonl",)
    assert not found.reproduced


@pytest.mark.parametrize("side", ["first", "second"])
def test_results_of_a_removed_rate_do_not_count(first, second, side):
    tree = {"first": first, "second": second}[side]
    removed = PATHS.bitstream("d", "jpeg2000", "0.7", "any", "s")
    tree.job("encode_scene", {removed: "bits"}, [PATHS.scene("d", "s")], cpu="Another processor")
    assert compare(first.results, second.results).reproduced
    assert compare(first.results, second.results).platform_match is PlatformMatch.PLATFORM


def test_files_that_no_job_made_do_not_count(first, second):
    """For example another study's folder below this one, or a note."""
    Tree(second.results).job("encode_scene", {"results/made/smoke/x": "bits"})
    (second.results / "note.txt").write_text("mine")
    assert compare(first.results, second.results).reproduced


@pytest.mark.parametrize(
    ("fields", "alike", "said"),
    [
        ({"threads": 2}, PlatformMatch.DEVICE, "threads: 1 | 2"),
        ({"packages": {"torch": "2.14.0"}}, PlatformMatch.DEVICE, "torch: 2.13.0 | 2.14.0"),
        ({"python": "3.12.1"}, PlatformMatch.DEVICE, "python: 3.11.7 | 3.12.1"),
        ({"driver": "570"}, PlatformMatch.DEVICE, "driver: 570 | None"),
        (
            {"earlier": [dict.fromkeys(("cpu", "gpu", "driver"), None) | {"device": "cuda"}]},
            PlatformMatch.OTHER,
            "device: cpu | cuda",
        ),
        (
            {"node": "elsewhere", "slurm_job": "7"},
            PlatformMatch.PLATFORM,
            "Machines: one platform.",
        ),
    ],
)
def test_properties_that_distinguish_platforms(tmp_path, fields, alike, said):
    one, other = (
        Tree(tmp_path / "a", **trees.TRAINED),
        Tree(tmp_path / "b", **(trees.TRAINED | fields)),
    )
    found = compare(one.results, other.results)
    assert found.platform_match is alike
    assert said in described(found)


def test_a_study_on_two_processors_has_no_platform(first, second):
    for tree in (first, second):
        tree.job("train_on_originals", {SEGMENTER: "weights"}, cpu="Another", **trees.TRAINED)
        tree.job("train_on_originals", {TUNED: "weights"}, **trees.TRAINED)
    assert compare(first.results, second.results).platform_match is PlatformMatch.DEVICE


def test_results_folders_may_have_other_names(first, tmp_path):
    moved = tmp_path / "from-the-cluster"
    text = [(f, f.read_text()) for f in first.results.rglob("scenes.txt")]
    shutil.copytree(first.results, moved)
    for file, content in text:
        listed = content.replace("results/made", "/scratch/me/results")
        (moved / file.relative_to(first.results)).write_text(listed)
    assert compare(first.results, moved).reproduced


def test_one_seed_makes_intervals_conditional_in_the_output(first, second):
    assert "conditional" not in described(compare(first.results, second.results))
    first.file(PATHS.findings()).write_text(trees.findings(seeds=1).canonical())
    assert "conditional on one training" in described(compare(first.results, second.results))


def test_a_folder_without_sidecars_says_what_to_do(first, tmp_path):
    with pytest.raises(
        DownlinkError, match=r"provenance: this folder contains no sidecars.*Run the study first"
    ):
        compare(first.results, tmp_path / "none")


def test_the_comparison_as_json_is_strict_and_complete(first, second):
    trees.write_store(second.file(STORE), trees.COUNTS[:1])
    content = json.loads(
        to_text(compare(first.results, second.results)), parse_constant=pytest.fail
    )
    assert content["reproduced"] is False
    assert content["likeness"] == "PLATFORM"
    of = {each["kind"]: each for each in content["rows"]}
    assert of["learned reconstructions"]["holds"] is False
    assert of["learned reconstructions"]["largest"] == "inf"
    assert of["learned reconstructions"]["tier"] == "tolerance"
    assert np.isfinite(of["estimates"]["largest"])


@pytest.mark.parametrize("equal", [True, False])
def test_other_instruction_sets_are_named_as_the_likely_cause(tmp_path, equal):
    sets = [{"instructions": {"torch": name}} for name in ("AVX512", "DEFAULT")]
    one, other = (
        Tree(tmp_path / name, **(trees.TRAINED | fields))
        for name, fields in zip("ab", sets, strict=True)
    )
    if not equal:
        other.file(SEGMENTER).write_text("other weights")
    said = described(compare(one.results, other.results))
    assert ("likely cause of differences" in said) is not equal
