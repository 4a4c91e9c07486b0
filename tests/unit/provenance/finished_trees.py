"""Results folders of a made-up study with every kind of artifact and their sidecars."""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import blank
import numpy as np
import zarr

from workflow_lib.files import sha256, tree_sha256
from workflow_lib.inference.findings import Estimate, Finding, Findings, PointFinding
from workflow_lib.paths import Paths, manifest

ROOT = "results/made"
PATHS = Paths(ROOT)
BLANK = replace(
    blank.BLANK, platform="Linux", locked={"torch": "2.13.0"}, packages={"torch": "2.13.0"}
)
POINT = ("d", "dgml", "0.01", "fold0-seed0")
CLASSICAL = ("d", "jpeg2000", "0.5", "any")
LOSSLESS = ("d", "jpeg2000", "lossless", "any")
SEGMENTER = PATHS.original_segmenter("d", "unet", "fold0-seed0")
TUNED = PATHS.finetuned_segmenter("d", "dgml", "0.01", "unet", "joint", "fold0-seed0")
TRAINED = {"device": "cpu", "threads": 1}
COUNTS = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4) + 100


def estimate(value, half=0.1):
    low, high = value - half, value + half
    return Estimate(value=value, se=half / 2, df=9, low=low, high=high, lower=low, upper=high)


def findings(iou=0.5, seeds=2):
    point = PointFinding(
        codec="dgml",
        rate="0.01",
        regime="frozen",
        bpppb=0.1,
        psnr=Estimate(reason="lossless"),
        iou=estimate(iou),
        change=estimate(-0.01),
    )
    found = Finding(
        dataset="d",
        segmenter="unet",
        seeds=seeds,
        blocks=9,
        positive_blocks=5,
        block_px=32,
        correlation_px=10,
        training_tiles=9,
        codec_training_tiles={"dgml": 9},
        ceiling=estimate(0.6),
        baseline=estimate(0.2),
        gate=estimate(0.4),
        testable=True,
        points=(point,),
        comparisons=(),
        verdicts=(),
        checks=(),
    )
    return Findings(epsilon=0.01, resamples=9, conditional=seeds == 1, findings=(found,), claims=())


def journal(loss=0.5, seconds=1.0, step=3):
    entry = {"step": step, "training": {"loss": 2 * loss}, "validation": {"loss": loss}}
    return json.dumps({**entry, "learning_rates": [1e-3], "seconds": seconds}) + "\n"


def main_table(iou="0.5"):
    columns = "dataset,codec,rate,segmenter,bpppb,psnr_db,iou_frozen,iou_retrained,iou_originals"
    return f"{columns},iou_baseline\nd,dgml,0.01,unet,0.1,inf,{iou},,0.6,0.2\n"


def write_store(path, counts=COUNTS):
    group, place = zarr.open_group(path, mode="w"), np.arange(len(counts))
    for name, values in (("image", counts.astype(np.uint16)), ("row", place), ("col", place)):
        group.create_array(name, data=values)
    if "tiles" in Path(path).parts:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The data type")
            group.create_array("band", data=np.array(["B1", "B2", "B3"]))
    content = json.dumps({"sha256": tree_sha256(path)})
    Path(manifest(str(path))).write_text(content + "\n")


class Tree:
    """A project folder in which the made-up study has run."""

    def __init__(self, project, write=True, **sidecar):
        self.project, self.sidecar = project, sidecar
        if write:
            self._write()

    def copied(self, project):
        shutil.copytree(self.project, project)
        return Tree(project, write=False, **self.sidecar)

    @property
    def results(self):
        return self.project / ROOT

    def file(self, path):
        return self.project / path

    def job(self, rule, outputs, inputs=(), run=None, **fields):
        """Write files (texts) or stores (None) by path, and the job's sidecar."""
        for path, content in outputs.items():
            self.file(path).parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                self.file(path).write_text(content)
            elif path.endswith(".zarr"):
                write_store(self.file(path))
        if run:
            for name in ("", "draw-1/"):
                kept = self.file(f"{run}/{name}metrics.jsonl")
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(journal())
        known = replace(
            BLANK,
            rule=rule,
            inputs={path: sha256(self.file(path)) for path in inputs},
            outputs=dict.fromkeys(outputs, "d19e57"),
            parameters={"run": [run]} if run else {},
        )
        first = next(iter(outputs))
        place = self.file(PATHS.sidecar(first))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(replace(known, **(fields | self.sidecar)).to_text())

    def _write(self):
        mark, scene, tiles = (
            PATHS.archive_mark("a.whl"),
            PATHS.scene("d", "s"),
            PATHS.tiles("d", "s"),
        )
        gathered = PATHS.gathered_tiles("d")
        self.job("fetch_archive", {mark: "1\n"})
        self.job("prepare_scene", {scene: "a scene"}, [mark])
        self.job("tile_scene", {tiles: None, manifest(tiles): None}, [scene])
        self.job("gather_tiles", {gathered: f"{manifest(tiles)}:1\n"}, [manifest(tiles)])
        weights = PATHS.codec_weights(*POINT)
        for rule, outputs, inputs in (
            ("fit_codec", {weights: "weights"}, []),
            ("train_on_originals", {SEGMENTER: "weights"}, []),
            (
                "finetune",
                {TUNED: "weights", PATHS.finetuning_choice(TUNED): "{}"},
                [weights, SEGMENTER],
            ),
        ):
            run = f"{PATHS.run_folder(next(iter(outputs)))}/0123456789ab"
            self.job(rule, outputs, [gathered, *inputs], run=run, **TRAINED)
        collected = [TUNED]
        for rule, point, coder, fields in (
            ("encode_scene", CLASSICAL, [], {}),
            ("encode_scene", LOSSLESS, [], {}),
            ("encode_learned", POINT, [weights], TRAINED),
        ):
            store, listed = (
                PATHS.reconstruction(*point, "s"),
                PATHS.gathered_reconstructions(*point),
            )
            outputs = {PATHS.bitstream(*point, "s"): "bits", store: None, manifest(store): None}
            outputs[PATHS.distortion(*point, "s")] = "a table"
            self.job(rule, outputs, [manifest(tiles), *coder], **fields)
            self.job(
                "gather_reconstructions", {listed: f"{manifest(store)}:1\n"}, [manifest(store)]
            )
            collected += [PATHS.distortion(*point, "s"), listed]
        scores = PATHS.original_scores("d", "unet", "fold0-seed0")
        outputs = {scores: "t", PATHS.predictions(scores): "p"}
        self.job("score_on_originals", outputs, [SEGMENTER], **TRAINED)
        baseline = {PATHS.threshold_baseline("d", 0): "{}", PATHS.baseline_scores("d", 0): "t"}
        self.job("fit_threshold_baseline", baseline, [gathered])
        collected += [scores, PATHS.baseline_scores("d", 0)]
        tables = {PATHS.metrics(): "t", PATHS.main_table(): main_table()}
        self.job("collect_metrics", tables, collected)
        self.job("judge_study", {PATHS.findings(): findings().canonical()}, [PATHS.metrics()])
        self.job("write_report", {PATHS.report(): "<html>"}, [PATHS.metrics(), PATHS.findings()])
