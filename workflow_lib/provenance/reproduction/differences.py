"""How far two artifacts of the same name lie apart, in the unit that its readers think in."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import NODATA
from workflow_lib.errors import DownlinkError
from workflow_lib.files import digest
from workflow_lib.inference.findings import Estimate, Findings, read_findings
from workflow_lib.measure.table import read_main_table

COUNTS = 1
"""Counts by which a pixel that a classical codec decodes may be off: decoders end by rounding, and
a sum in another order may fall to the other side of a half."""
DECIBELS = 0.5
"""Decibels by which the error of a learned codec's reconstruction may be off. Trained on another
processor it has other weights, and rounds other latents: its pixels are others, as good ones."""
LOSSES = 0.4
"""Part of a loss by which it may be off. docs/reproduce.md tells what another processor does to
errors and losses; both bounds are about twice that."""


@dataclass(frozen=True)
class Difference:
    """What was found between two artifacts that should be the same.

    Attributes:
        equal: whether they are the same, as far as it is asked.
        largest: the largest difference, infinite where they cannot be compared; None where it has
            no unit.
        outside: what is further apart than is allowed, in words; empty where nothing is.
    """

    equal: bool
    largest: float | None
    outside: tuple[str, ...] = ()


Measure = Callable[[Path, Path], Difference]

_SAME = Difference(True, 0.0)


def bytes_apart(first: Path, second: Path) -> Difference:
    """Two files or folders that have to be equal to the bit."""
    return _SAME if digest(first) == digest(second) else Difference(False, None, ("other bytes",))


def lists_apart(first: Path, second: Path) -> Difference:
    """Two lists of stores and their digests, which may lie in folders of other names."""
    one, other = (
        [line.rpartition("/")[2] for line in file.read_text(encoding="utf-8").splitlines()]
        for file in (first, second)
    )
    return _SAME if one == other else Difference(False, None, ("other stores",))


def counts_apart(first: Path, second: Path) -> Difference:
    """Two stores of decoded tiles: the largest difference of a pixel, in counts."""
    if digest(first) == digest(second):
        return _SAME
    one, other = _array(first, "image"), _array(second, "image")
    places = (np.array_equal(_array(first, n), _array(second, n)) for n in ("row", "col"))
    if one.shape != other.shape or not all(places):
        return Difference(False, math.inf, ("other tiles",))
    largest = float(np.abs(one - other).max(initial=0))
    far = (f"{largest:g} counts",) if largest > COUNTS else ()
    return Difference(largest == 0, largest, far)


def errors_apart(first: Path, second: Path) -> Difference:
    """Two stores of decoded tiles: how far their RMS errors against the originals lie apart, in dB.

    The originals are those of the first results folder; missing pixels do not count.
    """
    if digest(first) == digest(second):
        return _SAME
    original = _array(first.parents[4] / "tiles" / first.name, "image")
    one, other = _array(first, "image"), _array(second, "image")
    if not one.shape == other.shape == original.shape:
        return Difference(False, math.inf, ("other tiles",))
    valid = original != NODATA
    before, after = (float(np.square(i - original)[valid].mean()) for i in (one, other))
    if before == after:
        return Difference(np.array_equal(one, other), 0.0)
    largest = abs(10 * math.log10(before / after)) if before and after else math.inf
    return Difference(False, largest, (f"{largest:.2g} dB",) if largest > DECIBELS else ())


def losses_apart(first: Path, second: Path) -> Difference:
    """Two journals of one training: the largest difference of a loss, as a part of it."""
    one, other = dict(_losses(first)), dict(_losses(second))
    if one.keys() != other.keys():
        return Difference(False, math.inf, ("other steps",))
    largest = max((_relative(one[key], other[key]) for key in one), default=0.0)
    far = (f"{largest:.2g} of a loss",) if largest > LOSSES else ()
    return Difference(largest == 0, largest, far)


def estimates_apart(first: Path, second: Path) -> Difference:
    """The estimates of two findings: how far the second lie from the first, in half intervals.

    Outside is an estimate whose 95 % interval does not meet the first one's, or that has no value
    where the first has an interval, or is on one side alone. Its value alone need not lie in the
    first interval: it is an estimate, too. Estimates without an interval say nothing.
    """
    read = [read_findings(file) for file in (first, second)]
    one, other = (dict(_estimates(findings)) for findings in read)
    outside = [f"{name}: on one side alone" for name in sorted(one.keys() ^ other.keys())]
    largest = math.inf if outside else 0.0
    for name in sorted(one.keys() & other.keys()):
        expected, found = one[name], other[name]
        if expected.low is None or expected.high is None:
            continue
        largest = max(largest, _half_intervals(expected, found))
        low, high = _span(found)
        if low > expected.high or high < expected.low:
            theirs = "no value" if found.value is None else f"{low:.6g} … {high:.6g}"
            outside.append(f"{name}: {theirs}, not {expected.low:.6g} … {expected.high:.6g}")
    return Difference(read[0] == read[1], largest, tuple(outside))


def tables_apart(first: Path, second: Path) -> Difference:
    """Two main tables: the largest difference of a figure, as a part of it.

    Nothing bounds it, for these figures come without intervals; but rows have to be the same, and
    what has a value in one has to have one in the other.
    """
    one, other = (read_main_table(file) for file in (first, second))
    words = [name for name in one if one[name].dtype != np.float64]
    if not one[words].equals(other[words]):
        return Difference(False, math.inf, ("other rows",))
    numbers = [name for name in one if name not in words]
    a, b = one[numbers].to_numpy(), other[numbers].to_numpy()
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return Difference(False, math.inf, ("a figure on one side alone",))
    pairs = zip(a[~np.isnan(a)].tolist(), b[~np.isnan(b)].tolist(), strict=True)
    largest = max((_relative(x, y) for x, y in pairs), default=0.0)
    return Difference(largest == 0, largest)


def _array(store: Path, name: str) -> NDArray[np.int64]:
    return np.asarray(zarr.open_array(store / name, mode="r")[:]).astype(np.int64)


def _losses(journal: Path) -> Iterator[tuple[tuple[int, str, str], float]]:
    """Losses by step, part ("training", "validation") and name; times are none."""
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            for part in ("training", "validation"):
                for name, value in entry[part].items():
                    yield (int(entry["step"]), part, name), float(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DownlinkError(
                f"{journal}: no journal of a training ({error!r}). Run the training again."
            ) from error


def _estimates(findings: Findings) -> Iterator[tuple[str, Estimate]]:
    """Every estimate by what it is of. Those of verdicts are those of points."""
    for found in findings.findings:
        whole = f"{found.dataset} {found.segmenter}"
        for name in ("ceiling", "baseline", "gate"):
            yield f"{whole} {name}", getattr(found, name)
        for point in found.points:
            of = " ".join([whole, point.codec, point.rate, point.regime, point.trained_on]).strip()
            for name in ("psnr", "iou", "change"):
                yield f"{of} {name}", getattr(point, name)
        for pair in found.comparisons:
            of = f"{whole} {pair.codec} − {pair.anchor} {pair.regime}"
            for name in ("psnr", "rate", "iou", "task_rate"):
                yield f"{of} BD {name}", getattr(pair, name)
    for claim in findings.claims:
        of = f"{claim.hypothesis} {claim.dataset} {claim.segmenter} {claim.against} {claim.regime}"
        for measure in claim.measures:
            yield f"{of} {measure.name}", measure.estimate


def _half_intervals(expected: Estimate, found: Estimate) -> float:
    """How far one value is from the other, 1 at the end of the other's interval on its side."""
    value, low, high = expected.value, expected.low, expected.high
    if found.value is None or value is None or low is None or high is None:
        return math.inf
    if found.value == value:
        return 0.0
    width = high - value if found.value > value else value - low
    return abs(found.value - value) / width if width > 0 else math.inf


def _span(found: Estimate) -> tuple[float, float]:
    """What has to meet the first interval: its own, or the value where it has none."""
    if found.value is None:
        return math.inf, -math.inf
    if found.low is None or found.high is None:
        return found.value, found.value
    return found.low, found.high


def _relative(a: float, b: float) -> float:
    if a == b:  # infinite ones, too
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b))
