"""Measure the coverage of 95 % intervals for an IoU, a difference of two IoU, and a BD-IoU.

The benchmark simulates studies whose truth is known. Blocks differ in their number of positives
and in difficulty. Trainings differ in quality, overall and from block to block. The number of
blocks with positives is fixed, like the strata of the bootstrap. With one seed, the truth is
conditional on that training.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from tabulate import tabulate

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.errors import DownlinkError
from workflow_lib.inference.bootstrap import block_df, block_weights
from workflow_lib.inference.curves import bd_quality_resampled
from workflow_lib.inference.intervals import estimate
from workflow_lib.inference.judge import judge
from workflow_lib.measure.table import read

Floats = NDArray[np.float64]

DEMO = ("13x1", "12x1", "10x1", "6x1")
"""Positive blocks × seeds of the demo's fire, cloud, building and settlement datasets."""
RATE = 0.05 * 2.0 ** np.arange(4)
"""Rates of the points of a curve, in bpppb."""
POINTS = len(RATE)
BATCH = 250
"""Number of studies in memory at a time."""
ISSUE = ("50x5", "100x5", "50x1", "20x5", "10x5", "20x3")


@dataclass(frozen=True)
class World:
    """Parameters of the distribution of studies.

    Attributes:
        size, size_sd: median and log-normal spread of the number of positives in a block.
        recall: log odds that a positive is found, for the maps along the curve of one codec,
            then along that of the other codec.
        block_sd, seed_sd, both_sd: standard deviation of these log odds over blocks (the same for
            all maps), over trainings, and over blocks within a training.
        false_alarms: mean number of false positives of any map in a block.
        alarm_sd, alarm_seed_sd: standard deviation of its logarithm over blocks and trainings.
    """

    size: float = 60
    size_sd: float = 0.8
    recall: tuple[float, ...] = (0.2, 0.7, 1.0, 1.2, 0.1, 0.5, 0.8, 1.0)
    block_sd: float = 0.8
    seed_sd: float = 0.15
    both_sd: float = 0.3
    false_alarms: float = 12
    alarm_sd: float = 0.5
    alarm_seed_sd: float = 0.15


@dataclass(frozen=True)
class Draws:
    """Counts of simulated studies, float64 [map, study, seed, block]; true IoU, [map, study]."""

    tp: Floats
    fp: Floats
    fn: Floats
    truth: Floats


def draw(world: World, positive: NDArray[np.bool_], seeds: int, studies: int, seed: int) -> Draws:
    """Simulate studies; with one seed the truth is conditional on its training."""
    rng = np.random.default_rng(seed)
    blocks, maps = len(positive), len(world.recall)

    def normal(*shape: int) -> Floats:
        return rng.normal(size=shape)

    size = np.exp(np.log(world.size) + world.size_sd * normal(1, studies, 1, blocks))
    held = np.where(positive, 1 + rng.poisson(size), 0)
    middle = np.reshape(world.recall, (maps, 1, 1, 1))
    trained = middle + world.seed_sd * normal(maps, studies, seeds, 1)
    hardness = world.block_sd * normal(1, studies, 1, blocks)
    odds = trained + hardness + world.both_sd * normal(maps, studies, seeds, blocks)
    tp = rng.binomial(np.broadcast_to(held, odds.shape), expit(odds)).astype(np.float64)
    alarming = world.alarm_seed_sd * normal(maps, studies, seeds, 1)
    unrest = world.alarm_sd * normal(1, studies, 1, blocks)
    fp = rng.poisson(world.false_alarms * np.exp(alarming + unrest)).astype(np.float64)

    # the truth: expectations over blocks and, with several seeds, over trainings
    over_seeds = seeds > 1
    spread = np.hypot(world.block_sd, world.both_sd)
    if over_seeds:
        trained, spread = np.broadcast_to(middle, trained.shape), np.hypot(spread, world.seed_sd)
        alarming = np.full(alarming.shape, world.alarm_seed_sd**2 / 2)
    recall = _logistic_normal(trained[:, :, 0, 0], float(spread))
    mean_held = 1 + world.size * np.exp(world.size_sd**2 / 2)
    mean_fp = world.false_alarms * np.exp(alarming[:, :, 0, 0] + world.alarm_sd**2 / 2)
    positives = positive.sum() * mean_held
    truth = positives * recall / (positives + blocks * mean_fp)
    return Draws(tp, fp, held - tp, truth)


def _logistic_normal(mean: Floats, sd: float) -> Floats:
    """Mean of expit(mean + sd·z) over standard normal z, by Gauss–Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return np.asarray(expit(mean[..., None] + sd * nodes) @ (weights / weights.sum()))


def coverage(
    world: World, positive: NDArray[np.bool_], seeds: int, studies: int, resamples: int, seed: int
) -> tuple[float, float, float]:
    """Share of studies whose interval contains the truth: IoU, paired difference, BD-IoU."""
    weights = block_weights(positive, resamples, seed)
    held = np.zeros(len(FIGURES))
    for first in range(0, studies, BATCH):
        drawn = draw(world, positive, seeds, min(BATCH, studies - first), seed + 1 + first)
        for study in range(drawn.truth.shape[1]):
            held += _held(drawn, study, weights, block_df(positive))
    iou, difference, bd_iou = held / studies
    return float(iou), float(difference), float(bd_iou)


def _held(drawn: Draws, study: int, weights: Floats, df: int) -> list[bool]:
    """Whether the interval of each figure contains the truth."""
    counts = [array[:, study] for array in (drawn.tp, drawn.fp, drawn.fn)]
    pooled = [array.mean(axis=1) for array in counts]
    every = np.ones((1, weights.shape[1]))
    ious = _iou(every, pooled), _iou(weights, pooled), _iou(every, counts)[..., 0]
    truth = drawn.truth[:, study, None]
    held = []
    for figure in FIGURES:
        value, resampled, by_seed = map(figure, ious)
        found = estimate(value.item(), resampled, by_seed, df)
        held.append(bool(found.low <= figure(truth).item() <= found.high))
    return held


def _bd_iou(iou: Floats) -> Floats:
    return bd_quality_resampled(RATE, iou[:POINTS].T, RATE, iou[POINTS:].T)


FIGURES: tuple[Callable[[Floats], Floats], ...] = (
    lambda iou: iou[POINTS - 1],
    lambda iou: iou[POINTS - 1] - iou[-1],
    _bd_iou,
)
"""Functions from the IoU of all maps, [map, n], to a figure, [n]."""


def _iou(weights: Floats, counts: list[Floats]) -> Floats:
    """Pooled IoU, [..., resample], from counts [..., block]."""
    tp, fp, fn = (array @ weights.T for array in counts)
    return np.asarray(tp / (tp + fp + fn))


def layout(held: int, others: int) -> NDArray[np.bool_]:
    """Whether each block holds positives, bool [block]; the first `held` blocks do."""
    return np.arange(held + others) < held


def timing(metrics: Path, overlays: list[Path]) -> tuple[int, float]:
    """Time the judging of a study; return its number of resamples and the seconds.

    Raises:
        DownlinkError: the study was not run, or its files are damaged.
    """
    if not metrics.is_file():
        raise DownlinkError(f"{metrics}: does not exist. Run the study first, see README.md.")
    study, table = study_files.load(overlays), read([metrics])
    started = time.perf_counter()
    judge(study, table)
    return study.statistics.resamples, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", nargs="+", default=[*ISSUE, *DEMO], help="positive blocks x seeds, e.g. 50x5"
    )
    parser.add_argument(
        "--others",
        type=float,
        default=1.0,
        help="blocks without positives per block with positives",
    )
    parser.add_argument("--trials", type=int, default=2000, help="simulated studies per size")
    parser.add_argument("--resamples", type=int, default=2000, help="bootstrap resamples")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    parser.add_argument(
        "--timing", type=Path, metavar="METRICS", help="only time the judging of this table"
    )
    study_files.add_arguments(parser)
    args = parser.parse_args()
    if args.timing:
        resamples, seconds = timing(args.timing, args.study)
        print(f"{args.timing} judged with {resamples} resamples: {seconds:.2f} s")
        print(json.dumps({"resamples": resamples, "seconds": round(seconds, 3)}))
        return
    rows = []
    for size in args.sizes:
        held, seeds = map(int, size.split("x"))
        positive = layout(held, round(held * args.others))
        found = coverage(World(), positive, seeds, args.trials, args.resamples, args.seed)
        rows.append((held, len(positive) - held, seeds, *found))
    error = 1.96 * (0.95 * 0.05 / args.trials) ** 0.5
    heads = ("positive blocks", "others", "seeds", "IoU", "difference", "BD-IoU")
    print(tabulate(rows, heads, floatfmt=".3f"))
    print(
        f"share of {args.trials} intervals that contain the truth; 0.95 ± {error:.3f} is expected"
    )
    named = [dict(zip(("iou", "difference", "bd_iou"), row[3:], strict=True)) for row in rows]
    covered = {f"{row[0]}x{row[2]}": shares for row, shares in zip(rows, named, strict=True)}
    print(json.dumps({"trials": args.trials, "resamples": args.resamples, "coverage": covered}))


if __name__ == "__main__":
    cli.run(main)
