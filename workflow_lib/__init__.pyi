from workflow_lib.api import CodedImage, ImageCodec, load_codec, open_codec
from workflow_lib.codecs.registry import kinds
from workflow_lib.errors import BitstreamError, DownlinkError

__all__ = [
    "BitstreamError",
    "CodedImage",
    "DownlinkError",
    "ImageCodec",
    "__version__",
    "kinds",
    "load_codec",
    "open_codec",
]

__version__: str
