"""Add authors, the agent who ran the study, and licences to a crate."""

import re
from pathlib import Path
from typing import Any

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from rocrate.model import ContextEntity, Person
from rocrate.rocrate import ROCrate

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.git import git

_ORCID = re.compile(r"(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_AGENT = re.compile(r"(?P<name>[^<>]+?)(?:\s*<(?P<orcid>[^<>]*)>)?")


def read_citation(file: Path) -> dict[str, Any]:
    """Read the workflow's CITATION.cff.

    Raises:
        DownlinkError: the file is missing, is not YAML, or lacks a field.
    """
    try:
        citation = dict(yaml.safe_load(file.read_text()))
        missing = {"title", "version", "license", "abstract", "authors"} - set(citation)
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise DownlinkError(
            f"{file}: a crate needs this file for the authors ({error})."
        ) from error
    if missing:
        raise DownlinkError(f"{file}: add {', '.join(sorted(missing))}.")
    return citation


def add_author(crate: ROCrate, author: dict[str, str]) -> Any:
    """An author of CITATION.cff: a person, or an organisation where it has one name only."""
    if "name" in author:
        return _add(crate, f"#{_slug(author['name'])}", "Organization", name=author["name"])
    names = (author.get(key) for key in ("given-names", "name-particle", "family-names"))
    name = " ".join(part for part in names if part)
    identifier = author.get("orcid", f"#{_slug(name)}")
    return crate.add(Person(crate, identifier, properties={"name": name}))


def add_agent(crate: ROCrate, agent: str) -> Any:
    """The person who ran the study, given as `Name` or `Name <ORCID>`.

    Raises:
        DownlinkError: it is neither.
    """
    said = _AGENT.fullmatch(agent.strip())
    orcid = _ORCID.fullmatch(said["orcid"].strip()) if said and said["orcid"] else None
    if said is None or (said["orcid"] is not None and orcid is None):
        raise DownlinkError(f"agent {agent!r}: write Name or Name <0000-0000-0000-0000> (ORCID).")
    identifier = f"https://orcid.org/{orcid[1]}" if orcid else "#agent"
    return crate.add(Person(crate, identifier, properties={"name": said["name"]}))


def git_user(root: Path) -> str | None:
    """The name that git writes into commits, None without one."""
    try:
        return git(root, "config", "--default", "", "user.name") or None
    except DownlinkError:
        return None


def add_license(crate: ROCrate, license: str) -> Any:
    """A licence, given as an SPDX identifier, a link to the terms, or in words."""
    if license.startswith(("http://", "https://")):
        return _add(crate, license, name=license, description="Terms of the data's source.")
    if name := _spdx(license):
        url = f"https://spdx.org/licenses/{name}"
        return _add(crate, url, name=name, description=f"SPDX licence {name}.")
    return _add(crate, f"#{_slug(license)}", name=license, description=license)


def _spdx(license: str) -> str | None:
    """The identifier of one licence of the SPDX list, None where it is none."""
    try:
        name = canonicalize_license_expression(license)
    except InvalidLicenseExpression:
        return None
    return None if " " in name or name.startswith("LicenseRef-") else name


def _add(crate: ROCrate, identifier: str, kind: str = "CreativeWork", **properties: str) -> Any:
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
