"""Base class of all sections of the configuration."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
"""A name that becomes a folder or file name: letters, digits, `_` and `-`."""


class Section(BaseModel):
    """A frozen part of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        defer_build=True,
    )

    def canonical(self) -> str:
        """Return one-line JSON with sorted keys: equal sections give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a section that `canonical` wrote."""
        return cls.model_validate_json(text)


def json_of(kind: Any) -> Callable[[str], Any]:
    """Return a parser of command-line arguments that hold a section as JSON."""

    def parse(text: str) -> Any:
        try:
            return TypeAdapter(kind).validate_json(text)
        except ValidationError as error:
            reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ArgumentTypeError("; ".join(reasons)) from None

    return parse
