"""Rows of the incremental table: a codec is added."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from changes import Change, edited
from own import STUDY
from row import END, Row

_KINDS = Path("workflow_lib/codecs/kinds")


def _added(kind: str) -> Change:
    """Add a codec of a new kind, a copy of LERC under another name, that codes one dataset."""
    configured = edited(str(STUDY), "codecs:\n", f"codecs:\n  {kind}: {{kind: {kind}}}\n")
    rates = "jpeg2000: [1.0]\n      {}dgml"
    coded = edited(str(STUDY), rates.format(""), rates.format(f"{kind}: [1.0]\n      "))

    @contextmanager
    def context(folder: Path) -> Iterator[None]:
        module = folder / _KINDS / f"{kind}.py"
        text = (folder / _KINDS / "lerc.py").read_text()
        assert '"lerc"' in text
        with ExitStack() as stack:
            module.write_text(text.replace('"lerc"', f'"{kind}"'))
            stack.callback(module.unlink)
            for change in (configured, coded):
                stack.enter_context(change(folder))
            yield

    return context


EXTENDED = (
    Row(
        "a codec added",
        "coding and scores of this codec; table, findings, report",
        _added("mine"),
        ("own/*/mine/1/*", *END),
    ),
)
