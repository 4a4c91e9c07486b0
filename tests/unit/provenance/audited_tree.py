"""A small made-up finished study with sidecars."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from blank import BLANK

from workflow_lib.files import digest, tree_sha256
from workflow_lib.inference.findings import Findings
from workflow_lib.measure.rows import Key
from workflow_lib.measure.table import join, main_table, pooled_rows, write
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.audit import audit
from workflow_lib.provenance.digests import file_digest
from workflow_lib.provenance.lock import LOCK, read_lock
from workflow_lib.provenance.sidecar import Sidecar

RESULTS = "results/s"
TILES = f"{RESULTS}/d/tiles/x.zarr"
MANIFEST = f"{RESULTS}/d/tiles/x.manifest.json"
GATHERED = f"{RESULTS}/d/tiles/scenes.txt"
SCENE = f"{RESULTS}/d/scenes/x.tif"
MARK = f"{RESULTS}/archives/a.tar.sha256"
WEIGHTS = f"{RESULTS}/d/codecs/c/1/fold0-seed0/weights.safetensors"
BITSTREAM = f"{RESULTS}/d/bitstreams/c/1/fold0-seed0/x.dlk"
DISTORTION = f"{RESULTS}/d/distortion/c/1/fold0-seed0/x.parquet"
METRICS, MAIN, FINDINGS, REPORT = (
    f"{RESULTS}/{name}"
    for name in ("metrics.parquet", "main_table.csv", "findings.json", "report.html")
)
_CODE = "workflow_lib/files.py"


@dataclass(frozen=True)
class Tree:
    """A project folder with a study."""

    root: Path

    def put(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def record(self, rule, inputs, outputs, **update):
        """Write a job's sidecar for the present files."""
        locked = {"numpy": read_lock()["numpy"], "torch": read_lock()["torch"]}
        job = replace(
            BLANK,
            rule=rule,
            inputs={name: digest(self.root / name) for name in inputs},
            outputs={name: digest(self.root / name) for name in outputs},
            code={_CODE: file_digest(_CODE)},
            lock=digest(LOCK),
            locked=locked,
            packages=locked | {"torch": f"{locked['torch']}+cpu"},
            threads=1,
        )
        self.write(replace(job, **update))

    def write(self, job):
        self.put(Paths(RESULTS).sidecar(next(iter(job.outputs))), job.to_text())

    def sidecar(self, first):
        return Sidecar.read(self.root / Paths(RESULTS).sidecar(first))

    def rewrite(self, first, **update):
        self.write(replace(self.sidecar(first), **update))

    def flip(self, name, place, by=1):
        """Change one byte; return the old content."""
        path = self.root / name
        content = bytearray(path.read_bytes())
        before = bytes(content)
        content[place % len(content)] = (content[place % len(content)] + by) % 256
        path.write_bytes(content)
        return before


def finished(root: Path) -> Tree:
    """Make up a study of one scene and one codec, from an archive and a raster to the report."""
    tree = Tree(root)
    tree.put("own/x.tif", "raster")
    tree.put("cache/a.tar", "archive")
    tree.put("page.html.j2", "template")
    tree.put(MARK, "digest  a.tar\n")
    tree.record("fetch_archive", [], [MARK])
    tree.put(SCENE, "scene")
    tree.record("prepare_scene", ["own/x.tif", MARK, "cache/a.tar"], [SCENE])
    tree.put(f"{TILES}/zarr.json", "{}")
    tree.put(f"{TILES}/image/c/0", bytes(range(200)))
    tree.put(MANIFEST, json.dumps({"sha256": tree_sha256(tree.root / TILES)}))
    tree.record("tile_scene", [SCENE], [TILES, MANIFEST])
    tree.put(GATHERED, f"{MANIFEST}:{{}}\n")
    tree.record("gather_tiles", [MANIFEST], [GATHERED])
    tree.put(WEIGHTS, b"weights")
    tree.record("fit_codec", [GATHERED], [WEIGHTS])
    tree.put(BITSTREAM, b"\x00stream\xff")
    tree.put(DISTORTION, b"table")
    tree.record("encode_learned", [MANIFEST, WEIGHTS], [BITSTREAM, DISTORTION])
    _judge(tree)
    return tree


def _judge(tree):
    coded = pooled_rows(Key("d", "c", "1", seed=0), {"bpppb": 0.12345, "psnr_db": 41.5})
    frozen = Key("d", "c", "1", "frozen", segmenter="unet", seed=0)
    original = Key("d", regime="original", segmenter="unet", seed=0)
    maps = [
        pooled_rows(frozen, {"iou": 0.51234}),
        pooled_rows(original, {"iou": 0.6}),
        pooled_rows(Key("d", regime="baseline"), {"iou": 0.4}),
    ]
    table = join([coded, *maps])
    write(table, tree.root / METRICS)
    tree.put(MAIN, main_table(table, ["d"]).to_csv(index=False))
    tree.record("collect_metrics", [DISTORTION], [METRICS, MAIN])
    none = Findings(epsilon=0.01, resamples=10, conditional=True, findings=(), claims=())
    tree.put(FINDINGS, none.canonical())
    tree.record("judge_study", [METRICS], [FINDINGS])
    cells = ["d", "c", "λ 1", "0.123", "41.50", "0.512", "–", "0.600", "0.400"]
    head = "".join(f"<th>{n}</th>" for n in range(9))
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    page = f'<table id="table-main"><thead><tr>{head}</tr></thead><tr>{body}</tr></table>'
    tree.put(REPORT, f"<!doctype html><meta charset=utf-8>{page}")
    tree.record("write_report", [METRICS, FINDINGS, SCENE, "page.html.j2"], [REPORT])


def audited(tree):
    return audit(RESULTS, tree.root)


def only(tree):
    """Audit the tree, and return its only fault."""
    found = audited(tree).faults
    assert len(found) == 1, found
    return found[0]


def sidecar(first):
    return Paths(RESULTS).sidecar(first)
