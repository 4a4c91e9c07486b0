"""The report as its readers see it, and inputs with other findings."""

import html
import io
import re
from dataclasses import replace

import pandas as pd


def shown(page):
    """The main table as it stands on the page, as text, with merged cells repeated."""
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
    """The page's text without its markup, spaces as they are read."""
    plain = html.unescape(re.sub(r"<[^>]*>", " ", page))
    return re.sub(r"\s+", " ", plain)


def told(estimate, digits, sign=""):
    """An estimate as the page writes it."""
    value, *ends = (
        f"{number:{plus}.{digits}f}".replace("-", "−")
        for number, plus in ((estimate.value, sign), (estimate.low, ""), (estimate.high, ""))
    )
    return f"{value} [{ends[0]}, {ends[1]}]"


def changed(inputs, **update):
    return replace(inputs, findings=inputs.findings.model_copy(update=update))


def first(inputs, **update):
    """The inputs with another first finding."""
    head, *rest = inputs.findings.findings
    return changed(inputs, findings=(head.model_copy(update=update), *rest))


def claims(page):
    """The table of claims as it stands on the page."""
    (found,) = pd.read_html(io.StringIO(page), attrs={"id": "table-claims"})
    return found
