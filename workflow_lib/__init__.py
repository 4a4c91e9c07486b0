"""Downlink: measure how far imagery can be compressed before maps made from it get worse.

Encode and decode arrays with the study's codecs:

    import workflow_lib as downlink

    codec = downlink.open_codec("klt-jpeg2000")
    coded = codec.encode(image, bpppb=0.1)  # image: uint16 [band, y, x], 0 is nodata
    print(len(coded.bytes), coded.bpppb, coded.at_floor)
    decoded = codec.decode(coded)

`load_codec("weights.safetensors")` opens a learned codec. `kinds()` lists the codecs. A call that
cannot be served raises `DownlinkError`, whose message says why.
"""

from importlib import import_module

_HOMES = {
    "BitstreamError": "errors",
    "CodedImage": "api",
    "DownlinkError": "errors",
    "ImageCodec": "api",
    "kinds": "codecs.registry",
    "load_codec": "api",
    "open_codec": "api",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    # Every job imports this package, and its code digest follows import statements: with one here,
    # each job would wait for numpy, and an edit of the API would make every result out of date.
    # The types are in __init__.pyi.
    if name == "__version__":
        return import_module("importlib.metadata").version("downlink")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
