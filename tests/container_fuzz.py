"""Decode damaged containers in a watched process."""

import json
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
from codec_examples import example, example_options, example_tiles
from container_damage import changed, changes
from hypothesis import HealthCheck, Phase, assume, given, settings
from watched import MOST_MEMORY, memory, started

from workflow_lib.codecs.coding import decode_scene, decode_tile, encode_scene
from workflow_lib.codecs.container import Container
from workflow_lib.codecs.registry import kinds, open_codec, parse_options
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import BitstreamError

KINDS = list(kinds())
UNITS = ["fold", "tile", "scene"]

SECONDS = 1.0
"""CPU time of all threads that a damaged file may take; wall time depends on other programs."""
_HANG = 30.0
"""Wall seconds after which a decoder that does not answer counts as dead."""
_TIMES = 4
"""Decoded sizes that a damaged file may need beyond what the undamaged one needs."""


@dataclass(frozen=True)
class Subject:
    """The codec, coding unit and file to fuzz."""

    options: str
    weights: Path | None
    intact: bytes


def subject(kind: str, unit: str, folder: Path) -> Subject:
    """Return a codec and a scene coded by it; a learned codec is trained for two steps."""
    tiles, options = example_tiles(), example_options(kind, unit)
    weights = example(kind, len(tiles.info.bands), folder).weights
    file = folder / f"{kind}-{unit}.dlk"
    encode_scene(tiles, open_codec(options, tiles.info, weights), options, 1.0, file)
    return Subject(options.canonical(), weights, file.read_bytes())


@contextmanager
def decoding(subject: Subject) -> Iterator["Decoder"]:
    """Start a decoder of the subject's files; end it with the context."""
    decoder = Decoder(subject)
    try:
        yield decoder
    finally:
        decoder.stop()


@dataclass(frozen=True)
class Reply:
    """Result of decoding a file.

    Attributes:
        outcome: "refused" by BitstreamError, "decoded", or another failure.
        seconds: CPU time of the slowest call.
        excess: bytes of address space above the limit; 0 or less is correct.
    """

    outcome: str
    seconds: float
    excess: int

    @property
    def too_much(self) -> bool:
        """Whether decoding took more time or memory than a damaged file may take."""
        return self.seconds >= SECONDS or self.excess > 0


class Decoder:
    """A process that decodes files one after the other; a new one replaces it when it dies."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.process = subject, None

    def take(self, data: bytes) -> Reply:
        """Decode a file."""
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
        """Decode a file; if it took too much, decode it once more in a new process.

        Memory before decoding varies by some MB with the allocator's layout, and CPU time with the
        machine's other work. What the file itself requires does not vary.
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
        self.process, self.pipe = started(_serve, self.subject)
        if not self.pipe.poll(120) or self.pipe.recv() != "ready":
            raise RuntimeError("the decoder's process does not start")


def _serve(pipe: Connection, subject: Subject) -> None:
    options = parse_options(json.loads(subject.options))
    tiles = example_tiles()
    codec = open_codec(options, tiles.info, subject.weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scene.dlk")

        def decode(data: bytes) -> list[tuple[str, float]]:
            file.write_bytes(data)
            return [
                _timed(lambda: Container.from_bytes(data, "bytes")),
                _timed(lambda: _check_tile(decode_tile(file, tiles, 1, codec, options), tiles)),
                _timed(lambda: _check_scene(decode_scene(file, tiles, codec, options), tiles)),
            ]

        half = subject.intact[: len(subject.intact) // 2]
        for warm_up in (subject.intact, half, changed(half, [], repair=True)) * 2:
            decode(warm_up)
        size, peak = memory()
        allowed = peak - size + _TIMES * tiles.image.nbytes
        resource.setrlimit(resource.RLIMIT_AS, (size + MOST_MEMORY,) * 2)
        pipe.send("ready")
        while True:
            data = pipe.recv_bytes()
            size, before = memory()
            answers = decode(data)
            after = memory()[1]
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


def fuzz(decoder: Decoder, repair: bool, cases: int) -> tuple[list[str], str]:
    """Decode damaged files.

    Args:
        decoder: decodes files of the subject whose file is damaged.
        repair: correct the checksums; the decoder may then give other pixels.
        cases: number of cases; the same file always gives the same cases.

    Returns:
        The failures, one line per case, and a summary.
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
