"""Measure the difference between two artifacts of the same name, in the unit of their kind."""

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
"""Tolerance of a pixel that a classical codec decodes, in counts. Decoders round at the end, and a
sum in another order may round to the next count."""
DECIBELS = 0.5
"""Tolerance of the error of a learned codec's reconstruction, in dB. Training on another processor
gives other weights and latents, hence other pixels of similar quality."""
LOSSES = 0.4
"""Relative tolerance of a training loss. This bound and that in dB are about twice the difference
between two processors that docs/reproduce.md reports."""


@dataclass(frozen=True)
class Difference:
    """The difference between two artifacts.

    Attributes:
        equal: whether they are equal in all that is compared.
        largest: the largest difference; infinite if they cannot be compared, None without a unit.
        outside: differences beyond the tolerance, in words; empty if there are none.
    """

    equal: bool
    largest: float | None
    outside: tuple[str, ...] = ()


Measure = Callable[[Path, Path], Difference]

_SAME = Difference(True, 0.0)


def bytes_apart(first: Path, second: Path) -> Difference:
    """Compare two files or folders that must be equal bit for bit."""
    return _SAME if digest(first) == digest(second) else Difference(False, None, ("other bytes",))


def lists_apart(first: Path, second: Path) -> Difference:
    """Compare two lists of stores and their digests, ignoring the folders of the stores."""
    one, other = (
        [line.rpartition("/")[2] for line in file.read_text(encoding="utf-8").splitlines()]
        for file in (first, second)
    )
    return _SAME if one == other else Difference(False, None, ("other stores",))


def counts_apart(first: Path, second: Path) -> Difference:
    """Largest difference of a pixel between two stores of decoded tiles, in counts."""
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
    """Difference between the RMS errors of two stores of decoded tiles, in dB.

    Errors are taken against the originals of the first results folder, without missing pixels.
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
    """Largest relative difference of a loss between two journals of one training."""
    one, other = dict(_losses(first)), dict(_losses(second))
    if one.keys() != other.keys():
        return Difference(False, math.inf, ("other steps",))
    largest = max((_relative(one[key], other[key]) for key in one), default=0.0)
    far = (f"{largest:.2g} of a loss",) if largest > LOSSES else ()
    return Difference(largest == 0, largest, far)


def estimates_apart(first: Path, second: Path) -> Difference:
    """Largest difference between the estimates of two findings, in half intervals of the first.

    An estimate is outside if its 95 % interval does not overlap the first one's, if it has no value
    but the first has an interval, or if only one side has it. Its value may lie outside the first
    interval. Estimates without an interval in the first findings are not compared.
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
    """Largest relative difference of a number between two main tables.

    There is no bound, because these numbers have no intervals. Both tables must have the same rows
    and the same missing values.
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
    """Losses by step, part ("training", "validation") and name."""
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            for part in ("training", "validation"):
                for name, value in entry[part].items():
                    yield (int(entry["step"]), part, name), float(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DownlinkError(
                f"{journal}: this is not the journal of a training ({error!r}). Run the training "
                "again."
            ) from error


def _estimates(findings: Findings) -> Iterator[tuple[str, Estimate]]:
    """Every estimate by a unique name, without verdicts, which repeat estimates of points."""
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
    """Distance of two values, in units from the expected value to its interval's end."""
    value, low, high = expected.value, expected.low, expected.high
    if found.value is None or value is None or low is None or high is None:
        return math.inf
    if found.value == value:
        return 0.0
    width = high - value if found.value > value else value - low
    return abs(found.value - value) / width if width > 0 else math.inf


def _span(found: Estimate) -> tuple[float, float]:
    """The estimate's interval, or its value as both ends if it has no interval."""
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
