"""Values with a meaning of their own in counts and labels.

A module of its own, because a job that only reads tiles needs these but not rasterio.
"""

NODATA = 0
"""Count of a missing pixel."""
MAX_COUNT = 65535
"""Largest count; larger values saturate."""
IGNORE = 255
"""Label of a pixel that is neither trained on nor scored."""
