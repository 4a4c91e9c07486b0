"""What every section of the configuration shares."""

import json
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
"""A name that becomes a folder or file name: letters, digits, `_` and `-`."""


class Section(BaseModel):
    """A frozen part of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    def canonical(self) -> str:
        """One-line JSON with sorted keys: equal sections give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The section that `canonical` wrote."""
        return cls.model_validate_json(text)
