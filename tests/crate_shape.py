"""Check a crate against a table of the terms that Provenance Run Crate 0.6 requires.

The required terms are those of RO-Crate 1.3 (metadata descriptor, root, data entities), of Workflow
RO-Crate 1.1, and of Process, Workflow and Provenance Run Crate 0.6. For optional terms that the
crate uses, the table has their requirements too.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rocrate.vocabs import RO_CRATE

TEXT = ()
"""Type of a property that contains text instead of entities."""
TOOL = ("SoftwareSourceCode", "SoftwareApplication", "ComputationalWorkflow")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.6",
    "https://w3id.org/ro/wfrun/workflow/0.6",
    "https://w3id.org/ro/wfrun/provenance/0.6",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.1",
}
CONTEXT = [
    "https://w3id.org/ro/crate/1.3/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]

REQUIRED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # type of the entity, property, types of the entities that the property refers to
    ("descriptor", "about", ("Dataset",)),
    ("root", "name", TEXT),
    ("root", "description", TEXT),
    ("root", "datePublished", TEXT),
    ("root", "license", ("CreativeWork",)),
    ("root", "conformsTo", ("CreativeWork",)),
    ("root", "mainEntity", ("ComputationalWorkflow",)),
    ("root", "hasPart", ("File", "Dataset")),
    ("ComputationalWorkflow", "programmingLanguage", ("ComputerLanguage",)),
    ("ComputationalWorkflow", "hasPart", TOOL),
    ("ComputationalWorkflow", "step", ("HowToStep",)),
    ("HowToStep", "workExample", TOOL),
    ("FormalParameter", "additionalType", TEXT),
    ("CreateAction", "instrument", TOOL),
    ("ControlAction", "instrument", ("HowToStep",)),
    ("ControlAction", "object", ("CreateAction",)),
    ("OrganizeAction", "instrument", ("SoftwareApplication",)),
    ("OrganizeAction", "object", ("ControlAction",)),
    ("OrganizeAction", "result", ("CreateAction",)),
    ("resource", "propertyID", TEXT),
)
WHERE_USED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("root", "mentions", ("CreateAction", "OrganizeAction", "File")),
    ("ComputationalWorkflow", "input", ("FormalParameter",)),
    ("ComputationalWorkflow", "output", ("FormalParameter",)),
    ("SoftwareSourceCode", "input", ("FormalParameter",)),
    ("SoftwareSourceCode", "output", ("FormalParameter",)),
    ("CreateAction", "object", ("File", "Dataset", "PropertyValue")),
    ("CreateAction", "result", ("File", "Dataset")),
    ("CreateAction", "agent", ("Person", "Organization")),
    ("CreateAction", "environment", ("PropertyValue",)),
    ("CreateAction", "resourceUsage", ("PropertyValue",)),
    ("File", "exampleOfWork", ("FormalParameter",)),
    ("File", "license", ("CreativeWork",)),
    ("Dataset", "exampleOfWork", ("FormalParameter",)),
    ("PropertyValue", "exampleOfWork", ("FormalParameter",)),
)
# Terms in use that the context of workflow runs adds.
_OF_RUNS = {"environment", "resourceUsage"}
# References to pages, which are not entities of the crate.
_PAGES = {"identifier", "url", "actionStatus"}


def lacking(metadata: dict[str, Any], folder: Path | None = None) -> list[str]:
    """Return one line for each required term that the crate lacks.

    With `folder`, files and folders must exist too.
    """
    return list(_Shape(metadata).complaints(folder))


class _Shape:
    def __init__(self, metadata: dict[str, Any]) -> None:
        self.context = metadata["@context"]
        self.graph = metadata["@graph"]
        self.known = {entity["@id"]: entity for entity in self.graph}
        self.root = self.known.get("./", {})
        main = values(self.root, "mainEntity")
        self.main = self.known.get(main[0]["@id"], {}) if main else {}

    def complaints(self, folder: Path | None) -> Iterator[str]:
        if len(self.known) < len(self.graph):
            yield "two entities have the same @id"
        if self.context != CONTEXT:
            yield f"@context is {self.context}"
        for of, term, types in REQUIRED:
            for entity in self.chosen(of):
                if not values(entity, term):
                    yield f"{entity['@id']}: no {term}"
                yield from self.wrong(entity, term, types)
        for of, term, types in WHERE_USED:
            for entity in self.chosen(of):
                yield from self.wrong(entity, term, types)
        yield from self.unknown()
        yield from self.dangling()
        yield from self.profiles()
        yield from self.actions()
        yield from self.data(folder)

    def chosen(self, of: str) -> list[dict[str, Any]]:
        if of == "root":
            return [self.root]
        if of == "descriptor":
            return [self.known.get("ro-crate-metadata.json", {"@id": "ro-crate-metadata.json"})]
        if of == "resource":
            used = [
                ref
                for action in self.chosen("CreateAction")
                for ref in refs(action, "resourceUsage")
            ]
            return [self.known[ref] for ref in used if ref in self.known]
        return [entity for entity in self.graph if of in types_of(entity)]

    def wrong(self, entity: dict[str, Any], term: str, types: tuple[str, ...]) -> Iterator[str]:
        for value in values(entity, term):
            if types == TEXT:
                if not isinstance(value, str) or not value:
                    yield f"{entity['@id']}: {term} is no text"
            elif not isinstance(value, dict):
                yield f"{entity['@id']}: {term} is text"
            elif not set(types) & set(types_of(self.known.get(value["@id"], {}))):
                yield f"{entity['@id']}: {term} is {value['@id']}, none of {', '.join(types)}"

    def unknown(self) -> Iterator[str]:
        """Return terms that neither context defines."""
        defined = set(RO_CRATE["@context"]) | _OF_RUNS
        for entity in self.graph:
            used = {term for term in entity if not term.startswith("@")} | set(types_of(entity))
            yield from (f"{entity['@id']}: no such term: {term}" for term in used - defined)

    def dangling(self) -> Iterator[str]:
        for entity in self.graph:
            for term in entity:
                for ref in refs(entity, term):
                    page = urlsplit(ref).scheme in {"http", "https"} and (
                        term in _PAGES or entity["@id"] == "ro-crate-metadata.json"
                    )
                    if ref not in self.known and not page:
                        yield f"{entity['@id']}: {term} refers to {ref}, which is not there"

    def profiles(self) -> Iterator[str]:
        for profile in sorted(PROFILES - set(refs(self.root, "conformsTo"))):
            yield f"./: conformsTo lacks {profile}"
        wanted = {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}
        for kind in sorted(wanted - set(types_of(self.main))):
            yield f"main entity: no {kind}"
        descriptor = self.known.get("ro-crate-metadata.json", {})
        if refs(descriptor, "conformsTo") != ["https://w3id.org/ro/crate/1.3"]:
            yield "ro-crate-metadata.json: conformsTo is not RO-Crate 1.3"
        try:
            datetime.fromisoformat(self.root.get("datePublished", ""))
        except ValueError:
            yield "./: datePublished is no date of ISO 8601"

    def actions(self) -> Iterator[str]:
        whole = [
            a for a in self.chosen("CreateAction") if self.main.get("@id") in refs(a, "instrument")
        ]
        if not whole:
            yield "no CreateAction has the main workflow as its instrument"
        for engine in self.chosen("OrganizeAction"):
            if refs(engine, "result") != [action["@id"] for action in whole]:
                yield f"{engine['@id']}: result is not the workflow's run"
        for step in self.chosen("HowToStep"):
            if not set(refs(step, "workExample")) <= set(refs(self.main, "hasPart")):
                yield f"{step['@id']}: its tool is no part of the workflow"
            if step["@id"] not in refs(self.main, "step"):
                yield f"{step['@id']}: no step of the workflow"
        yield from self.order()

    def order(self) -> Iterator[str]:
        """Check that each step comes after the steps whose outputs it needs."""
        position: dict[str, int] = {}
        for control in self.chosen("ControlAction"):
            for step in refs(control, "instrument"):
                if "position" in self.known.get(step, {}):
                    place = self.known[step]["position"]
                    position.update(dict.fromkeys(refs(control, "object"), place))
        actions = {a["@id"]: a for a in self.chosen("CreateAction") if a["@id"] in position}
        makers = {ref: name for name, action in actions.items() for ref in refs(action, "result")}
        for name, action in actions.items():
            for ref in refs(action, "object"):
                maker = makers.get(ref, name)
                if maker != name and not position[maker] < position[name]:
                    yield f"{name}: its step is not after that of {maker}"

    def data(self, folder: Path | None) -> Iterator[str]:
        reached, waiting = set(), ["./"]
        while waiting:
            parts = refs(self.known.get(waiting.pop(), {}), "hasPart")
            waiting += [part for part in parts if part not in reached]
            reached.update(parts)
        for entity in self.graph:
            name = entity["@id"]
            if (
                not {"File", "Dataset"} & set(types_of(entity))
                or name.startswith("#")
                or name == "./"
            ):
                continue
            if name not in reached:
                yield f"{name}: not reached from the root by hasPart"
            place = folder / unquote(name) if folder else None
            if place and not (place.is_dir() if "Dataset" in types_of(entity) else place.is_file()):
                yield f"{name}: not in the folder"


def values(entity: dict[str, Any], term: str) -> list[Any]:
    """Return a property's values; JSON-LD writes one value alone, several as a list."""
    value = entity.get(term, [])
    return value if isinstance(value, list) else [value]


def refs(entity: dict[str, Any], term: str) -> list[str]:
    """Return the entities that a property refers to."""
    return [value["@id"] for value in values(entity, term) if isinstance(value, dict)]


def types_of(entity: dict[str, Any]) -> list[str]:
    """Return the types of an entity."""
    return values(entity, "@type")
