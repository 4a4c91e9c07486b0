"""Generate made-up findings."""

from made_up_figures import coded, ious

from workflow_lib.inference.findings import (
    Claim,
    CodecComparison,
    Estimate,
    FairnessCheck,
    Finding,
    Findings,
    Measure,
    PointFinding,
    Step,
    Verdict,
)
from workflow_lib.paths import rate_name


def about(value, half, reason=""):
    """Estimate with an interval of the given half width."""
    return Estimate(
        value=value,
        se=half / 2,
        df=20.0,
        low=value - half,
        high=value + half,
        lower=value - 0.85 * half,
        upper=value + 0.85 * half,
        reason=reason,
    )


def undefined(reason):
    return Estimate(reason=reason)


def _point_findings(study, name):
    standalone = coded(study, name, 1.0)
    found = []
    for (codec, rate, regime, trained_on), iou in ious(study, name).items():
        tuned = regime in ("joint", "control")
        psnr = standalone[codec, rate]["psnr_db"] - 0.4 * tuned
        lossless = rate == "lossless"
        found.append(
            PointFinding(
                codec=codec,
                rate=rate_name(rate),
                regime=regime,
                trained_on=trained_on,
                bpppb=standalone[codec, rate]["bpppb"]
                * (0.95 if regime in ("joint", "control") else 1),
                psnr=undefined("undefined without loss") if lossless else about(psnr, 0.6),
                iou=about(iou, 0.04),
                change=about(0.0, 0.0) if lossless else about(iou - 0.6389, 0.002),
            )
        )
    return tuple(found)


def _verdicts(points):
    """Verdicts of three kinds: some rate passes, the first rate fails, or no rate is tested."""
    verdicts = []
    for codec, regime in dict.fromkeys((p.codec, p.regime) for p in points):
        if regime not in ("frozen", "retrained"):
            continue
        own = [p for p in points if (p.codec, p.regime) == (codec, regime)]
        steps, passed = [], None
        for point in sorted(own, key=lambda p: -p.bpppb):
            reached = not steps or steps[-1].passed
            good = point.change.lower > -0.01 if reached else None
            infinite = abs(point.change.value) >= 0.01
            needed = None if good is not False or infinite else 123.4
            steps.append(
                Step(
                    rate=point.rate,
                    bpppb=point.bpppb,
                    change=point.change,
                    passed=good,
                    blocks_needed=needed,
                )
            )
            passed = point if good else passed
        verdicts.append(
            Verdict(
                codec=codec,
                regime=regime,
                status="within" if passed else "inconclusive",
                rate=passed and passed.rate,
                bpppb=passed and passed.bpppb,
                steps=tuple(steps),
            )
        )
    return tuple(verdicts)


def _finding(study, name, segmenter):
    points = _point_findings(study, name)
    return Finding(
        dataset=name,
        segmenter=segmenter,
        seeds=len(study.seeds),
        blocks=42,
        positive_blocks=17,
        block_px=128,
        correlation_px=96.4,
        training_tiles=311,
        codec_training_tiles={"dgml": 312},
        ceiling=about(0.6389, 0.041),
        baseline=about(0.4127, 0.032),
        gate=about(0.2262, 0.05),
        testable=True,
        points=points,
        comparisons=tuple(
            CodecComparison(
                codec=codec,
                anchor="jpeg2000",
                regime="frozen",
                psnr=about(1.234, 0.36),
                rate=about(-21.5, 6.2),
                iou=about(0.0123, 0.0101),
                task_rate=undefined("overlap of 0.8 octaves, 2 are needed"),
            )
            for codec in study.datasets[name].rates
            if codec != "jpeg2000"
        ),
        verdicts=_verdicts(points),
        checks=(
            FairnessCheck(question="Do rate ranges overlap?", fair=True, answer="by 2.4 octaves"),
            FairnessCheck(
                question="Is the ceiling weak?", fair=False, answer="IoU 0.64 on originals"
            ),
        ),
    )


def claim(dataset="fire", **changes):
    """Claim with made-up figures."""
    measure = Measure(name="BD-IoU of jpeg2000 − dgml", estimate=about(-0.0071, 0.0152))
    plain = {
        "hypothesis": "H2",
        "dataset": dataset,
        "segmenter": "unet",
        "regime": "frozen",
        "primary": True,
        "measures": (measure,),
        "alone": "supported",
        "outcome": "undecided",
        "training_tiles": 311,
        "codec_training_tiles": 312,
    }
    return Claim(**plain | changes)


def _claims(study):
    both = tuple(
        Measure(name=f"BD-{quality}", estimate=about(value, half))
        for quality, value, half in (
            ("PSNR of dgml − jpeg2000 (dB)", 1.23, 0.36),
            ("IoU of dgml − jpeg2000", 0.0144, 0.0121),
        )
    )
    claims = [
        claim("building", hypothesis="H1", against="jpeg2000", measures=both),
        claim("fire", alone="supported", outcome="supported"),
        claim("fire", hypothesis="H3", alone="refuted", outcome="refuted"),
        claim(
            "building",
            hypothesis="H3",
            outcome="not testable",
            reason="no joint codec",
            codec_training_tiles=None,
        ),
    ]
    return tuple(claim for claim in claims if claim.dataset in study.run)


def findings(study):
    return Findings(
        epsilon=study.statistics.epsilon,
        resamples=study.statistics.resamples,
        conditional=len(study.seeds) == 1,
        findings=tuple(
            _finding(study, name, segmenter)
            for name in study.run
            for segmenter in study.datasets[name].segmenters
        ),
        claims=_claims(study),
    )
