"""Documents have no gaps, and name existing files, targets, rules and layers."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
UNFINISHED = re.compile(r"\b(TODO|TBD|XXX|FIXME|RESULTS|NU_B|COST)\b|\{[A-Z]\}")
FILE = r"`((?:[\w.-]+/)+[\w-]+\.(?:py|smk|md|yaml|lock|sh|def))`"
FOLDERS = [ROOT, ROOT / "workflow_lib", ROOT / "workflow_lib" / "codecs"]
"""Folders to which paths in documents are relative."""

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


@every_document
def test_nothing_is_left_to_fill_in(document):
    assert not UNFINISHED.search(document.read_text())


@every_document
def test_links_and_commands_name_files_that_exist(document):
    text = document.read_text()
    linked = [name for name in re.findall(r"\]\(([^)#]+)", text) if "://" not in name]
    called = re.findall(r"python ((?:scripts|bench)/\w+\.py)", text)
    missing = [name for name in linked if not (document.parent / name).exists()]
    missing += [name for name in called if not (ROOT / name).exists()]
    assert missing == []


@every_document
def test_files_between_backticks_exist(document):
    if document.name == "CHANGELOG.md":
        pytest.skip("a changelog names files that were removed")
    named = re.findall(FILE, document.read_text())
    assert [name for name in named if not any((at / name).exists() for at in FOLDERS)] == []


def test_make_alone_runs_the_study_as_the_readme_says():
    planned = subprocess.run(
        ["make", "--dry-run", "--directory", str(ROOT)], capture_output=True, text=True, check=True
    )
    assert re.search("^snakemake --cores", planned.stdout, re.MULTILINE)


@every_document
def test_targets_of_make_in_documents_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE))
    assert asked <= targets


def test_readme_python_compresses_its_image():
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names = {}
    exec(source, names)
    assert names["coded"].bpppb == pytest.approx(0.1, rel=0.01)
    assert names["decoded"].shape == names["image"].shape


def test_table_of_codecs_is_written_from_the_registry():
    from workflow_lib.codecs.catalogue import codec_table

    assert f"\n\n{codec_table()}\n\n" in (ROOT / "docs" / "codec.md").read_text()


def test_readme_lists_every_codec():
    from workflow_lib.codecs.registry import kinds

    section = (ROOT / "README.md").read_text().split("## Codecs\n")[1].split("\n\n")[0]
    listed = {kind for row in section.splitlines()[2:] for kind in _codes(row.split("|")[1])}
    assert listed == set(kinds())


def _codes(text):
    return re.findall(r"`([\w-]+)`", text)


def test_glossary_defines_each_term_once_in_alphabetical_order():
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    body = lines[next(n for n, line in enumerate(lines) if line.startswith("- ")) :]
    matches = [re.fullmatch(r"- \*\*(.+?)\*\*(?: \(.+?\))?: \S.*[.]", line) for line in body]
    assert all(matches), [line for line, match in zip(body, matches, strict=True) if not match]
    terms = [_spelled(match[1]) for match in matches]
    assert terms == sorted(set(terms))


def _spelled(term):
    """Return the sort key of a term: lower case, with names of Greek letters."""
    greek = {"γ": "gamma", "ε": "epsilon", "λ": "lambda"}
    spelled = "".join(greek.get(letter, letter) for letter in term.lower())
    return re.sub(r" \(.*\)", "", spelled)


def test_diagram_of_jobs_names_every_rule():
    rules = {
        name
        for file in (ROOT / "rules").glob("*.smk")
        for name in re.findall(r"^(?:use rule \w+ as|rule) (\w+)", file.read_text(), re.MULTILINE)
    }
    drawn = {node for arrow in _arrows("The jobs of one dataset") for node in arrow}
    assert drawn == rules


def test_imports_follow_the_diagram_of_layers():
    arrows = _arrows("The layers of `workflow_lib`")

    @cache
    def below(layer):
        direct = {lower for upper, lower in arrows if upper == layer}
        return direct.union(*map(below, direct))

    against = {
        f"{file.relative_to(ROOT)} imports {module}"
        for file in (ROOT / "workflow_lib").rglob("*.py")
        if file != ROOT / "workflow_lib" / "__init__.py"
        for module in _imported(file)
        if _layer(module) not in {_layer(_dotted(file)), *below(_layer(_dotted(file)))}
    }
    assert against == set()


def _arrows(heading):
    """Return the arrows below a heading of docs/architecture.md, as pairs of nodes."""
    section = ARCHITECTURE.read_text().split(f"## {heading}\n")[1]
    diagram = section.split("```mermaid\n")[1].split("```")[0]
    return re.findall(r"^ *(\w+)(?:\[.*?\])? --> (\w+)", diagram, re.MULTILINE)


def _layer(module):
    """Return the node of the diagram that contains a module of the library."""
    labels = dict(re.findall(r"(\w+)\[(.*?)\]", ARCHITECTURE.read_text().split("## The layers")[1]))
    path = module.removeprefix("workflow_lib.").split(".")
    for node, label in labels.items():
        if {path[0], ".".join(path[:2])} & set(label.split(", ")):
            return node
    return path[0]


def _dotted(file):
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(file):
    """Return the library's modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workflow_lib"):
            for alias in node.names:
                submodule = ROOT / node.module.replace(".", "/") / alias.name
                is_module = submodule.is_dir() or submodule.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if is_module else node.module
