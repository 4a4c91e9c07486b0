"""A table of all codecs for the documents, made from the registry."""

from inspect import getdoc

from workflow_lib.codecs.registry import kinds, options_of
from workflow_lib.config.codecs import CodecOptions

_RATES = {"bpppb": "target rate", "lambda": "λ"}


def codec_table() -> str:
    """Return a Markdown table of all codecs: kind, rate points, whether trained, summary."""
    rows = (_row(kind, options_of(kind)) for kind in kinds())
    return "\n".join(["| kind | rate points | trained | what it is |", "|---|---|---|---|", *rows])


def _row(kind: str, options: type[CodecOptions]) -> str:
    rates = _RATES[options.control] + ", lossless" * options.lossless
    summary = (getdoc(options) or "").partition("\n\n")[0].replace("\n", " ")
    return f"| `{kind}` | {rates} | {'yes' if options.learned else 'no'} | {summary} |"
