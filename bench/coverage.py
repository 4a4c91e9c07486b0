"""How often the 95 % interval of an IoU, and of a difference of two, holds the truth.

Studies are drawn whose truth is known: blocks with unequal numbers of positives, each harder or
easier than the next for every map and seed, trainings that are better or worse throughout, and
blocks that suit one training more than another. The number of blocks that hold positives is fixed,
as the bootstrap's strata are. With one seed the truth is that of the training at hand.
"""

import argparse
import json
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from tabulate import tabulate

from workflow_lib.metrics.bootstrap import block_df, block_weights
from workflow_lib.metrics.curves import bd_quality_resampled, bd_rate_resampled
from workflow_lib.metrics.intervals import estimate
from workflow_lib.metrics.task_curves import task_bd_rate_resampled

Floats = NDArray[np.float64]

DEMO = ("20x1", "10x1", "4x1")
"""Positive blocks × seeds of the demo study, roughly."""
ISSUE = ("50x5", "100x5", "50x1", "20x5", "10x5", "20x3")


@dataclass(frozen=True)
class World:
    """What studies are drawn from.

    Attributes:
        size, size_sd: median of the positives in a block, and their spread as a log-normal's.
        recall: log odds that a positive is found, of the first and the second map.
        block_sd, seed_sd, both_sd: spread of those log odds over blocks (alike for both maps),
            over trainings, and over blocks within a training.
        false_alarms: mean false positives of either map in a block.
        alarm_sd: spread of their logarithm over blocks and, separately, over trainings.
    """

    size: float = 60
    size_sd: float = 0.8
    recall: tuple[float, float] = (1.2, 1.0)
    block_sd: float = 0.8
    seed_sd: float = 0.15
    both_sd: float = 0.3
    false_alarms: float = 12
    alarm_sd: float = 0.5
    alarm_seed_sd: float = 0.15


@dataclass(frozen=True)
class Draws:
    """Counts of many studies, float64 [map, study, seed, block], and the true IoU [map, study]."""

    tp: Floats
    fp: Floats
    fn: Floats
    truth: Floats


def draw(world: World, positive: NDArray[np.bool_], seeds: int, studies: int, seed: int) -> Draws:
    """Studies of a world; with one seed the truth is conditional on it."""
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

    # expectations over blocks, and over trainings where there are several
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
    """Mean of expit(mean + sd·z) over a standard normal z, by Gauss–Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return np.asarray(expit(mean[..., None] + sd * nodes) @ (weights / weights.sum()))


def coverage(
    world: World, positive: NDArray[np.bool_], seeds: int, studies: int, resamples: int, seed: int
) -> tuple[float, float]:
    """Share of studies whose interval holds the truth: of an IoU, and of a paired difference."""
    weights = block_weights(positive, resamples, seed)
    df = block_df(positive)
    drawn = draw(world, positive, seeds, studies, seed + 1)
    every = np.ones((1, len(positive)))
    held = np.zeros(2)
    for study in range(studies):
        counts = [array[:, study] for array in (drawn.tp, drawn.fp, drawn.fn)]
        pooled = [array.mean(axis=1) for array in counts]
        value, resampled = _iou(every, pooled)[:, 0], _iou(weights, pooled)
        by_seed = _iou(every, counts)[..., 0]
        truth = drawn.truth[:, study]
        for number, sign in enumerate(([1, 0], [1, -1])):
            found = estimate(float(sign @ value), sign @ resampled, sign @ by_seed, df)
            held[number] += found.low <= sign @ truth <= found.high
    iou, difference = held / studies
    return float(iou), float(difference)


def _iou(weights: Floats, counts: list[Floats]) -> Floats:
    """Pooled IoU, [..., resample], of counts [..., block]."""
    tp, fp, fn = (array @ weights.T for array in counts)
    return np.asarray(tp / (tp + fp + fn))


def layout(held: int, others: int) -> NDArray[np.bool_]:
    """Blocks of which the first hold positives."""
    return np.arange(held + others) < held


def timing(resamples: int) -> float:
    """Seconds for a table like the demo's: 4 data sets, 4 codecs, 16 points, 4 comparisons."""
    started = time.perf_counter()
    rng = np.random.default_rng(0)
    rate = 0.05 * 2.0 ** np.arange(4)
    positive = layout(20, 40)
    for _ in range(4):
        weights = block_weights(positive, resamples, 0)
        counts = [rng.gamma(2, mean, (16, len(positive))) for mean in (40, 10, 15)]
        gained = np.arange(16)[:, None] % 4
        counts[0] *= 1 + gained
        iou = _iou(weights, counts).reshape(4, 4, resamples)
        sse = rng.gamma(2, 1 / 4**gained, (16, len(positive)))
        psnr = -10 * np.log10(sse @ weights.T).reshape(4, 4, resamples)
        for anchor, test in ((0, 1), (0, 2), (1, 2), (0, 3)):
            dearer = rate * 1.1
            for quality in (psnr, iou):
                bd_quality_resampled(rate, quality[anchor].T, dearer, quality[test].T)
            bd_rate_resampled(rate, psnr[anchor].T, dearer, psnr[test].T)
            task_bd_rate_resampled(rate, iou[anchor].T, dearer, iou[test].T, 0.1, 0.9)
        for point in iou.reshape(16, resamples):
            estimate(float(point.mean()), point, point[:1], 20)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", nargs="+", default=[*ISSUE, *DEMO], help="positive blocks x seeds, e.g. 50x5"
    )
    parser.add_argument(
        "--others", type=float, default=1.0, help="blocks without positives per block with"
    )
    parser.add_argument("--trials", type=int, default=2000, help="studies drawn per size")
    parser.add_argument("--resamples", type=int, default=2000, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn")
    parser.add_argument(
        "--timing", action="store_true", help="time a table like the demo's instead"
    )
    args = parser.parse_args()
    if args.timing:
        seconds = timing(args.resamples)
        print(f"{args.resamples} resamples of 4 data sets with 16 points: {seconds:.2f} s")
        print(json.dumps({"resamples": args.resamples, "seconds": round(seconds, 3)}))
        return
    rows = []
    for size in args.sizes:
        held, seeds = map(int, size.split("x"))
        positive = layout(held, round(held * args.others))
        found = coverage(World(), positive, seeds, args.trials, args.resamples, args.seed)
        rows.append((held, len(positive) - held, seeds, *found))
    error = 1.96 * (0.95 * 0.05 / args.trials) ** 0.5
    heads = ("positive blocks", "others", "seeds", "IoU", "difference")
    print(tabulate(rows, heads, floatfmt=".3f"))
    print(f"share of {args.trials} intervals that hold the truth; 0.95 is known to ± {error:.3f}")
    covered = {f"{row[0]}x{row[2]}": {"iou": row[3], "difference": row[4]} for row in rows}
    print(json.dumps({"trials": args.trials, "resamples": args.resamples, "coverage": covered}))


if __name__ == "__main__":
    main()
