"""Score a segmenter on the held-out tiles, as originals or as reconstructions."""

import argparse
from pathlib import Path

from workflow_lib import cli, torchinit
from workflow_lib.data.store import read_reconstructions, read_tiles
from workflow_lib.measure.maps import score_table, write_predictions
from workflow_lib.measure.rows import REGIMES, Key, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, nargs="+", help="tile stores")
    parser.add_argument(
        "--reconstructions",
        type=Path,
        nargs="+",
        help="reconstructions to score, in the order of the tile stores",
    )
    parser.add_argument("--held-out", required=True, type=int, help="fold to score")
    parser.add_argument("--weights", required=True, type=Path, help="the segmenter's weights")
    parser.add_argument("--codec", default="", help="the codec's name")
    parser.add_argument("--rate", default="", help="the rate point")
    parser.add_argument(
        "--regime", required=True, choices=REGIMES[1:], help="how the segmenter was trained"
    )
    parser.add_argument(
        "--trained-on", default="", help='training point of a mismatched segmenter: "CODEC at RATE"'
    )
    parser.add_argument("--segmenter", required=True, help="the segmenter's name")
    parser.add_argument("--seed", required=True, type=int, help="seed of the training")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--scores", required=True, type=Path, help="table to write")
    parser.add_argument("--predictions", required=True, type=Path, help="npz file to write")
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    from workflow_lib.measure.segmenter_maps import (
        predictions_of,
    )  # imports torch, so after `prepare`

    originals = read_tiles(args.tiles, args.held_out)
    seen = originals
    if args.reconstructions:
        seen = read_reconstructions(originals, args.reconstructions)
    predictions = predictions_of(args.weights, seen.where("test"))
    key = Key(
        originals.info.dataset,
        args.codec,
        args.rate,
        args.regime,
        args.trained_on,
        args.segmenter,
        args.seed,
        args.held_out,
    )
    training = len(originals.where("train"))
    write(score_table(key, originals.where("test"), predictions, training), args.scores)
    write_predictions(predictions, args.predictions)


cli.run(main)
