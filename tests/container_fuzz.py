"""Damaged containers, decoded in a process that is watched from outside."""

import multiprocessing
import os
import resource
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from container_damage import changed, changes
from hypothesis import HealthCheck, Phase, assume, given, settings
from pydantic import TypeAdapter

from workflow_lib.codecs.coding import decode_scene, decode_tile, encode_scene
from workflow_lib.codecs.container import Container
from workflow_lib.codecs.registry import MODULES, open_codec
from workflow_lib.config.codecs import CodecConfig, Learned
from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import BitstreamError

KINDS = list(MODULES)
UNITS = ["fold", "tile", "scene"]

SECONDS = 1.0
"""CPU time, of all threads, that a damaged file may take; wall time depends on other programs."""
_HANG = 30.0
"""Wall seconds after which a decoder that does not answer is taken for dead."""
_TIMES = 4
"""Decoded sizes that a damaged file may need beyond what the undamaged one needs."""
_MOST_MEMORY = 2**30
"""Address space of the watched process beyond its start; larger requests fail, as on a full
machine, so that the tests cannot harm the machine that they run on."""
_PLAIN_MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""glibc gives memory back at once, so that what it holds in reserve hides no allocation."""


def fuzz_tiles() -> Tiles:
    """Four textured tiles of 128 × 128 pixels in three bands, two folds, some nodata."""
    rng = np.random.default_rng(0)
    walks = rng.normal(0, 4, (4, 3, 128, 128)).cumsum(axis=2).cumsum(axis=3)
    image = (3000 + walks + rng.normal(0, 10, walks.shape)).clip(1, 65535).astype(np.uint16)
    image[0, :, :20, :30] = 0
    number = np.arange(4, dtype=np.int32)
    return Tiles(
        image=image,
        label=np.zeros((4, 128, 128), np.uint8),
        scene=np.full(4, "scene"),
        row=number // 2,
        col=number % 2,
        block=number,
        fold=number % 2,
        validation=number == 2,
        split=np.array(["train", "test", "validation", "test"]),
        info=TileInfo(
            dataset="fuzz",
            bands=("B0", "B1", "B2"),
            wavelengths_um=(0.5, 0.6, 0.7),
            native_fraction=(1.0, 1.0, 0.25),
            scale=1e-4,
            offset=0.0,
            unit="1",
            data_range=10000,
        ),
    )


@dataclass(frozen=True)
class Subject:
    """What is fuzzed: a codec, its coding unit, and a file of theirs."""

    config: str
    weights: Path | None
    intact: bytes


def subject(kind: str, unit: str, folder: Path) -> Subject:
    """A codec of a kind, a hardly trained one where it is learned, and a scene coded by it."""
    tiles, plain = fuzz_tiles(), {"kind": kind, "unit": unit}
    weights = None
    if issubclass(_config_class(kind), Learned):
        _prepare_torch()
        from workflow_lib.codecs.learned.fit import fit

        schedule = {"steps": 2, "batch": 1, "crop": 64, "learning_rate": 1e-4, "validate_every": 1}
        plain |= {"channels": 8, "latents": 24, "training": schedule}
        weights = folder / f"{kind}.safetensors"
        if not weights.exists():
            config = TypeAdapter(CodecConfig).validate_python(plain)
            fit(tiles, config, 0.01, 0, folder / f"run-{kind}", weights)
    config = TypeAdapter(CodecConfig).validate_python(plain)
    file = folder / f"{kind}-{unit}.dlk"
    encode_scene(tiles, open_codec(config, tiles.info, weights), config, 1.0, file)
    return Subject(config.canonical(), weights, file.read_bytes())


@contextmanager
def decoding(subject: Subject) -> Iterator["Decoder"]:
    """A decoder of the subject's files, ended with the context."""
    decoder = Decoder(subject)
    try:
        yield decoder
    finally:
        decoder.stop()


def _prepare_torch() -> None:
    from workflow_lib.torchinit import prepare

    prepare(1)


def _config_class(kind: str) -> type:
    union = CodecConfig.__args__[0].__args__  # type: ignore[attr-defined]
    return next(c for c in union if c.model_fields["kind"].annotation.__args__ == (kind,))


@dataclass(frozen=True)
class Reply:
    """How the decoder took a file.

    Attributes:
        outcome: "refused" by BitstreamError, "decoded", or what else went wrong.
        seconds: CPU time of the slowest call.
        excess: bytes of address space beyond what may be needed; 0 or less is right.
    """

    outcome: str
    seconds: float
    excess: int

    @property
    def too_much(self) -> bool:
        """Whether more time or memory was taken than a damaged file may take."""
        return self.seconds >= SECONDS or self.excess > 0


class Decoder:
    """A process that decodes files, one after the other; a new one takes over when it dies."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.process = subject, None

    def take(self, data: bytes) -> Reply:
        """Have a file decoded."""
        if self.process is None:
            self._start()
        self.pipe.send_bytes(data)
        if not self.pipe.poll(_HANG):
            self.stop()
            return Reply(f"no answer within {_HANG} s", _HANG, 0)
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            code, self.process = self.process.exitcode, None
            return Reply(f"the process died (exit code {code})", 0.0, 0)

    def settled(self, data: bytes) -> Reply:
        """Have a file decoded, by a new process once more where it took too much.

        What is held before a file comes varies with the allocator's layout by some MB, and CPU
        time with the machine's other work; what a file's bytes ask for, they ask for every time.
        """
        reply = self.take(data)
        if reply.too_much:
            self.stop()
            reply = self.take(data)
        return reply

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, self.subject), daemon=True)
        with _environment(**_PLAIN_MALLOC, OMP_NUM_THREADS="1"):
            self.process.start()
        theirs.close()
        if not self.pipe.poll(120) or self.pipe.recv() != "ready":
            raise RuntimeError("the decoder's process does not start")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, subject: Subject) -> None:
    config = TypeAdapter(CodecConfig).validate_json(subject.config)
    if isinstance(config, Learned):
        from workflow_lib.torchinit import prepare

        prepare(1)
    tiles = fuzz_tiles()
    codec = open_codec(config, tiles.info, subject.weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scene.dlk")

        def decode(data: bytes) -> list[tuple[str, float]]:
            file.write_bytes(data)
            return [
                _timed(lambda: Container.from_bytes(data, "bytes")),
                _timed(lambda: _check_tile(decode_tile(file, tiles, 1, codec, config), tiles)),
                _timed(lambda: _check_scene(decode_scene(file, tiles, codec, config), tiles)),
            ]

        half = subject.intact[: len(subject.intact) // 2]
        for warm_up in (subject.intact, half, changed(half, [], repair=True)) * 2:
            decode(warm_up)
        size, peak = _memory()
        allowed = peak - size + _TIMES * tiles.image.nbytes
        resource.setrlimit(resource.RLIMIT_AS, (size + _MOST_MEMORY,) * 2)
        pipe.send("ready")
        while True:
            data = pipe.recv_bytes()
            size, before = _memory()
            answers = decode(data)
            after = _memory()[1]
            excess = after - size - allowed if after > before else 0
            unknown = [what for what, _ in answers if what not in ("refused", "decoded")]
            outcome = unknown[0] if unknown else answers[-1][0]
            pipe.send(Reply(outcome, max(seconds for _, seconds in answers), excess))


def _timed(call: Any) -> tuple[str, float]:
    start = time.process_time()
    try:
        call()
        outcome = "decoded"
    except BitstreamError:
        outcome = "refused"
    except BaseException:
        outcome = traceback.format_exc()
    return outcome, time.process_time() - start


def _check_scene(image: Any, tiles: Tiles) -> None:
    assert image.shape == tiles.image.shape
    assert image.dtype == np.uint16
    assert ((image != 0) == tiles.valid[:, None]).all()


def _check_tile(image: Any, tiles: Tiles) -> None:
    assert image.shape == tiles.image.shape[1:]
    assert image.dtype == np.uint16
    assert (image != 0).all()


def _memory() -> tuple[int, int]:
    """Address space of this process and its high-water mark, in bytes.

    Counts what native libraries and numpy ask for alike, whether or not it is ever touched.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return int(found["VmSize"].split()[0]) * 1024, int(found["VmPeak"].split()[0]) * 1024


def fuzz(decoder: Decoder, repair: bool, cases: int) -> tuple[list[str], str]:
    """Have damaged files decoded.

    Args:
        decoder: of the subject whose file is damaged.
        repair: make the checksums right again; the decoder may then give other pixels.
        cases: how many; always the same ones for the same file.

    Returns:
        What went wrong, one line per case, and a summary.
    """
    intact, replies, wrong = decoder.subject.intact, [], []

    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(changes(intact))
    def run(how: list[tuple[Any, ...]]) -> None:
        data = changed(intact, how, repair)
        assume(data != intact)
        reply = decoder.settled(data)
        replies.append(reply)
        expected = ("refused", "decoded") if repair else ("refused",)
        if reply.outcome not in expected or reply.too_much:
            wrong.append(f"{how}: {reply}")

    run()
    if len(replies) < cases:
        wrong.append(f"only {len(replies)} of {cases} cases were tried")
    refused = sum(reply.outcome == "refused" for reply in replies)
    slowest = max(reply.seconds for reply in replies)
    return wrong, f"{len(replies)} cases, {refused} refused, slowest {slowest:.3f} s"
