"""Read the report's tables and text, and change findings among its inputs."""

import html
import io
import re
from dataclasses import replace

import pandas as pd


def shown(page):
    """Read the page's main table as text, with merged cells repeated."""
    text = dict.fromkeys(range(9), str)
    (found,) = pd.read_html(io.StringIO(page), attrs={"id": "table-main"}, converters=text)
    return found.set_axis(
        [
            "dataset",
            "codec",
            "rate",
            "bpppb",
            "psnr",
            "frozen",
            "retrained",
            "original",
            "baseline",
        ],
        axis=1,
    )


def texts(page):
    """Text of the page without markup and with plain spaces."""
    plain = html.unescape(re.sub(r"<[^>]*>", " ", page))
    return re.sub(r"\s+", " ", plain)


def written(estimate, digits, sign=""):
    """Format an estimate as the page does."""
    value, *ends = (
        f"{number:{plus}.{digits}f}".replace("-", "−")
        for number, plus in ((estimate.value, sign), (estimate.low, ""), (estimate.high, ""))
    )
    return f"{value} [{ends[0]}, {ends[1]}]"


def changed(inputs, **update):
    return replace(inputs, findings=inputs.findings.model_copy(update=update))


def first(inputs, **update):
    """Inputs with a changed first finding."""
    head, *rest = inputs.findings.findings
    return changed(inputs, findings=(head.model_copy(update=update), *rest))


def claims(page):
    """Read the page's table of claims."""
    (found,) = pd.read_html(io.StringIO(page), attrs={"id": "table-claims"})
    return found
