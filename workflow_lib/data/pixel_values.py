"""Special values of counts and labels.

They are in a separate module, because a job that only reads tiles must not import rasterio.
"""

NODATA = 0
"""Count of a missing pixel."""
MAX_COUNT = 65535
"""Largest count; larger values saturate."""
IGNORE = 255
"""Label of a pixel that is neither trained on nor scored."""
