"""Decode payloads in a new process that measures its own memory and time."""

import hashlib
import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from workflow_lib.codecs.base import Codec
from workflow_lib.errors import BitstreamError

MOST_MEMORY = 2**30
"""Address space that a watched process may add to its first; larger requests fail, as on a full
machine, so that the tests cannot harm the machine that they run on."""
_START = 120.0
"""Wall seconds after which a process that does not answer counts as hung."""
PLAIN_MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""glibc returns memory at once, so that memory that it keeps in reserve hides no allocation."""

IMPORTED = ["workflow_lib.codecs.coding", "workflow_lib.codecs.learned.codec"]
"""Modules that all watched processes need, and that take seconds to import."""

Case = tuple[bytes, bytes, tuple[int, int, int]]
"""Payload, side information and the expected shape."""


@dataclass(frozen=True)
class Reply:
    """How a codec decoded a case.

    Attributes:
        outcome: "refused" by BitstreamError, "decoded", or the traceback of another exception.
        image: SHA-256 of the decoded counts.
        seconds: CPU time.
        grown: bytes of address space beyond the process's peak before.
    """

    outcome: str
    image: str
    seconds: float
    grown: int


def decode_watched(open_codec: Callable[[], Codec], cases: Sequence[Case]) -> list[Reply]:
    """Decode cases one after the other in a new process; the first is a warm-up as well.

    Args:
        open_codec: can be pickled; called in the new process.
        cases: the first one must be intact.

    Raises:
        AssertionError: the process died or did not answer.
    """
    process, ours = started(_serve, open_codec, cases)
    replies: list[Reply] = []
    try:
        for case in cases:
            assert ours.poll(_START), f"no answer to {describe(case)}"
            replies.append(ours.recv())
    except EOFError:
        raise AssertionError(f"the decoder died of {describe(cases[len(replies)])}") from None
    finally:
        process.kill()
        process.join()
    return replies


def started(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start a process; return it and the other end of the pipe that is its first argument.

    The process is a fork of a server that has imported `IMPORTED` and decoded nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    with environment(**PLAIN_MALLOC, OMP_NUM_THREADS="1"):
        process.start()
    theirs.close()
    return process, ours


def describe(case: Case) -> str:
    """Name a case in a message."""
    payload, side, shape = case
    return f"{len(payload)} + {len(side)} bytes for {shape}: {payload[:80].hex()}…"


def _serve(pipe: Connection, open_codec: Callable[[], Codec], cases: Sequence[Case]) -> None:
    codec = open_codec()
    for _ in range(3):
        codec.decode(*cases[0])
    _decode(codec, (b"", *cases[0][1:]))
    resource.setrlimit(resource.RLIMIT_AS, (memory()[0] + MOST_MEMORY,) * 2)
    for case in cases:
        pipe.send(_decode(codec, case))


def _decode(codec: Codec, case: Case) -> Reply:
    peak, start, image = memory()[1], time.process_time(), ""
    try:
        decoded = codec.decode(*case)
        assert (decoded.dtype, decoded.shape) == (np.uint16, case[2])
        assert decoded.min() >= 1
        outcome, image = "decoded", hashlib.sha256(decoded.tobytes()).hexdigest()
    except BitstreamError:
        outcome = "refused"
    except BaseException:
        outcome = traceback.format_exc()
    return Reply(outcome, image, time.process_time() - start, memory()[1] - peak)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables of the environment while the context lasts."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def memory() -> tuple[int, int]:
    """Return the address space of this process and its peak, in bytes.

    Counts what native libraries and numpy request alike, whether or not it is ever touched.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return int(found["VmSize"].split()[0]) * 1024, int(found["VmPeak"].split()[0]) * 1024
