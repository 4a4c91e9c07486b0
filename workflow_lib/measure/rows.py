"""Rows of the study's tidy table, as jobs write them: one row per figure.

Arrow tables, because pandas (`measure.table`) takes longer to import than most jobs work. Columns
and scalars are made from buffers: `pyarrow.array` and `pyarrow.scalar` would import pandas.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from pyarrow import parquet

from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic
from workflow_lib.measure import metric_names

REGIMES = (
    "",
    "original",
    "frozen",
    "retrained",
    "mismatched",
    "joint",
    "control",
    "baseline",
)
"""How a map was made. Rate and distortion have a regime only where codecs were fine-tuned."""

_TEXT = (pa.large_string(), "object", "str")
_WHOLE = (pa.int64(), "int64", "Int64")
_REAL = (pa.float64(), "float64", "float64")
_COLUMNS = {
    "dataset": _TEXT,
    "codec": _TEXT,
    "rate": _TEXT,
    "regime": _TEXT,
    "trained_on": _TEXT,
    "segmenter": _TEXT,
    "seed": _WHOLE,
    "fold": _WHOLE,
    "scene": _TEXT,
    "row": _WHOLE,
    "col": _WHOLE,
    "metric": _TEXT,
    "value": _REAL,
}
_FOR_PANDAS = {
    "index_columns": [],
    "column_indexes": [],
    "columns": [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind,
            "numpy_type": dtype,
            "metadata": None,
        }
        for name, (_, kind, dtype) in _COLUMNS.items()
    ],
}
SCHEMA = pa.schema(
    [(name, arrow) for name, (arrow, _, _) in _COLUMNS.items()],
    metadata={"pandas": json.dumps(_FOR_PANDAS)},
)
"""Columns and types. The metadata make pandas read missing whole numbers as such."""
KEYS = [name for name in _COLUMNS if name != "value"]
"""Columns that together name a figure."""


@dataclass(frozen=True)
class Key:
    """What figures describe.

    Attributes:
        dataset: its name.
        codec, rate: empty for originals.
        regime: one of REGIMES.
        trained_on: "CODEC at RATE" of a mismatched segmenter, else empty.
        segmenter: empty where no segmenter is involved.
        seed: seed of the trainings; None where nothing was trained.
        fold: the held-out fold; None for all folds together.
    """

    dataset: str
    codec: str = ""
    rate: str = ""
    regime: str = ""
    trained_on: str = ""
    segmenter: str = ""
    seed: int | None = None
    fold: int | None = None


def pooled_rows(key: Key, figures: Mapping[str, float], scene: str = "") -> pa.Table:
    """Return rows of figures, by metric name, of one scene or, without one, of all scenes."""
    values = np.array(list(figures.values()), np.float64)
    return _table(key, list(figures), values, {"scene": scene, "row": None, "col": None})


def tile_rows(key: Key, tiles: Tiles, figures: Mapping[str, ArrayLike]) -> pa.Table:
    """Return rows of every tile's figures, [tile] by metric name."""
    count = len(figures)
    places = {
        "scene": np.tile(tiles.scene, count),
        "row": np.tile(tiles.row, count),
        "col": np.tile(tiles.col, count),
    }
    values = [np.asarray(of_tiles, np.float64) for of_tiles in figures.values()]
    return _table(
        key, [name for name in figures for _ in range(len(tiles))], np.concatenate(values), places
    )


def join(tables: Iterable[pa.Table]) -> pa.Table:
    """Return the rows of all tables, sorted by KEYS.

    Raises:
        ValueError: a figure occurs twice, or a table has other columns.
    """
    joined = _sorted(pa.concat_tables([_checked(table) for table in tables]))
    validate(joined)
    return joined


def validate(table: pa.Table) -> None:
    """Check columns, types, regimes, metric names, and that no figure occurs twice.

    Raises:
        ValueError: with what is wrong.
    """
    _checked(table)
    _refuse("unknown regime", set(pc.unique(table["regime"]).to_pylist()) - set(REGIMES))
    metrics = pc.unique(table["metric"]).to_pylist()
    _refuse("unknown metric", [name for name in metrics if not metric_names.is_known(name)])
    no_scene = pc.and_(
        pc.is_valid(table["row"]), pc.equal(table["scene"], _column("", pa.large_string(), 1)[0])
    )
    _refuse("tile without scene", table.filter(no_scene)["row"].to_pylist())
    _refuse("twice", _repeated(_sorted(table)).to_pylist())


def write(table: pa.Table, path: Path) -> None:
    """Write rows as Parquet, sorted; equal tables give equal bytes.

    Raises:
        ValueError: see `join`.
        DownlinkError: the disk is full.
    """
    ordered = join([table])
    with atomic(Path(path)) as draft:
        parquet.write_table(ordered, draft)


def read(paths: Iterable[Path]) -> pa.Table:
    """Return the rows of all files, sorted.

    Raises:
        DownlinkError: a file is missing, damaged or has other columns.
        ValueError: a figure occurs in two files.
    """
    return join(_read(Path(path)) for path in paths)


def _table(
    key: Key, metrics: Sequence[str], values: NDArray[np.float64], places: Mapping[str, Any]
) -> pa.Table:
    columns = {**asdict(key), **places, "metric": metrics, "value": values}
    arrays = [_column(columns[field.name], field.type, len(values)) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _column(values: Any, kind: pa.DataType, count: int) -> pa.Array:
    """Return a column of one value, or of a sequence or array of `count` values."""
    if values is None:
        return pa.nulls(count, kind)
    if isinstance(values, str | int):
        values = [values] * count
    if kind == pa.large_string():
        texts = [str(value).encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return pa.Array.from_buffers(
            kind, count, [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
        )
    numbers = np.ascontiguousarray(values, kind.to_pandas_dtype())
    column = pa.Array.from_buffers(kind, count, [None, pa.py_buffer(numbers)])
    if kind == pa.float64():
        return pc.if_else(pc.is_nan(column), pa.nulls(1, kind)[0], column)
    return column


def _sorted(table: pa.Table) -> pa.Table:
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in KEYS])
    return table.take(order).combine_chunks()


def _repeated(ordered: pa.Table) -> pa.Table:
    """Return the rows of a sorted table whose key is that of the row before."""
    later, earlier = ordered.slice(1), ordered.slice(0, max(len(ordered) - 1, 0))
    for name in KEYS:
        a, b = later[name], earlier[name]
        same = pc.coalesce(pc.equal(a, b), pc.and_(pc.is_null(a), pc.is_null(b)))
        later, earlier = later.filter(same), earlier.filter(same)
    return later


def _checked(table: pa.Table) -> pa.Table:
    """Return the table with SCHEMA's metadata, if it has its columns."""
    if not table.schema.equals(SCHEMA):
        found = {field.name: str(field.type) for field in table.schema}
        expected = {field.name: str(field.type) for field in SCHEMA}
        raise ValueError(f"columns {found} where {expected} are expected")
    return table.replace_schema_metadata(SCHEMA.metadata)


def _refuse(what: str, found: Any) -> None:
    if len(found):
        raise ValueError(f"{what}: {list(found)[:3]}")


def _read(path: Path) -> pa.Table:
    try:
        table = parquet.read_table(path)
        validate(table)
    except (OSError, ValueError) as error:
        raise DownlinkError(
            f"{path}: not a readable table of metrics ({error}). Delete it and run again."
        ) from error
    return table
