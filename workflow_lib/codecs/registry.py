"""The codecs: find every kind, parse its options, open the codec.

A kind is a module in `workflow_lib.codecs.kinds`: `klt-jpeg2000` is `klt_jpeg2000.py` there. Codec
modules are imported by name and only when a kind is used. So a JPEG 2000 job does not wait for
torch, and a job's code digest covers no codec but its own.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from workflow_lib.codecs import kinds as package
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import CPU_THREAD, Compute

if TYPE_CHECKING:  # a plan needs no codec
    from workflow_lib.codecs.base import Codec


@cache
def kinds() -> tuple[str, ...]:
    """List every kind of codec, sorted, without importing a codec."""
    return tuple(sorted(name.replace("_", "-") for _, name, _ in iter_modules(package.__path__)))


def module_of(kind: str) -> str:
    """Return the dotted name of the module that defines a kind of codec."""
    return f"{package.__name__}.{kind.replace('-', '_')}"


def options_of(kind: str) -> type[CodecOptions]:
    """Import a codec's module and return its options, the class in it that has `kind`.

    Args:
        kind: one of `kinds()`.
    """
    own = vars(import_module(module_of(kind))).values()
    (options,) = (
        value
        for value in own
        if isinstance(value, type)
        and issubclass(value, CodecOptions)
        and value.__module__ == module_of(kind)
    )
    return options


def open_codec(
    options: CodecOptions, info: TileInfo, weights: Path | None, compute: Compute = CPU_THREAD
) -> "Codec":
    """Open a codec, ready to encode and decode.

    Args:
        options: the codec's options.
        info: bands, resolutions and value range of the tiles that it codes.
        weights: safetensors file of a learned codec; None for other codecs.
        compute: device and threads of a learned codec; other codecs use one thread.

    Raises:
        DownlinkError: a learned codec's weights are missing, damaged or of another codec.
    """
    codec: Codec = import_module(module_of(options.kind)).open_codec(
        options, info, weights, compute
    )
    return codec


def parse_options(value: Any) -> CodecOptions:
    """Parse a codec's options by their `kind`; import the module of this kind alone.

    Args:
        value: a mapping, or options, which are returned as they are.

    Raises:
        ValidationError: names the wrong key.
    """
    if isinstance(value, CodecOptions):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("codec", "Input should be a mapping with the key `kind`")
    kind = value.get("kind")
    if kind in kinds():
        return options_of(kind).model_validate(value)
    known = ", ".join(kinds())
    wrong: InitErrorDetails = {
        "type": PydanticCustomError("value_error", f"{kind!r} is not one of {known}"),
        "loc": ("kind",),
        "input": kind,
    }
    if "kind" not in value:
        wrong["type"] = PydanticCustomError("missing", f"Field required: one of {known}")
    raise ValidationError.from_exception_data("codec", [wrong])


class _ByKind:
    """Parses a field with `parse_options`; its JSON Schema lists the options of every kind."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(parse_options)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        choices = {kind: options_of(kind).__pydantic_core_schema__ for kind in kinds()}
        return handler(core_schema.tagged_union_schema(choices, discriminator="kind"))


def _require_learned(options: CodecOptions) -> CodecOptions:
    if not options.learned:
        raise ValueError(f"kind: {options.kind} is not a learned codec; there is nothing to train")
    return options


CodecConfig = Annotated[CodecOptions, _ByKind()]
"""Type of a configuration field that holds any codec's options."""

LearnedConfig = Annotated[CodecOptions, _ByKind(), AfterValidator(_require_learned)]
"""Type of a configuration field that holds a learned codec's options."""
