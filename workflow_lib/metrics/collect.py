"""All tables of a study as one, with figures pooled over each dataset."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pandas as pd

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.config.study import Study
from workflow_lib.data.tiles import TileInfo, describe
from workflow_lib.files import atomic
from workflow_lib.metrics import names
from workflow_lib.metrics.distortion import Distortion
from workflow_lib.metrics.rate import rates
from workflow_lib.metrics.table import Key, join, main_table, pooled_rows, read, write


def collect(study: Study, tables: Iterable[Path], metrics: Path, main: Path) -> None:
    """Join the tables, add what is pooled over scenes, and write the tidy and the main table.

    Args:
        study: the study, for what its datasets' counts mean.
        tables: tables of rate and distortion by scene, and of scores by dataset.
        metrics: Parquet file to write.
        main: CSV file to write.
    """
    table = read(tables)
    coded = table[(table["regime"] == "") & (table["codec"] != "")]
    pooled = [
        _pooled(Key(*point), rows, _info(study, point[0]))
        for name, rows in coded.groupby(["dataset", "codec", "rate"])
        for point in [cast(tuple[str, str, str], name)]
    ]
    table = join([table, *pooled])
    write(table, metrics)
    with atomic(main) as draft:
        main_table(table, study.run).to_csv(draft, index=False)


def _info(study: Study, dataset: str) -> TileInfo:
    return describe(dataset, study.datasets[dataset], study.bands(dataset))


def _pooled(key: Key, rows: pd.DataFrame, info: TileInfo) -> pd.DataFrame:
    scenes = rows[rows["row"].isna()].groupby("metric")["value"]
    total = scenes.sum()
    coded = CodedBytes(
        payload=int(total[names.PAYLOAD_BYTES]),
        header=int(total[names.HEADER_BYTES]),
        side=int(total[names.SIDE_BYTES]),
    )
    pixels = int(total[names.SAMPLES]) // len(info.bands)
    return pooled_rows(
        key,
        {
            **Distortion.from_rows(rows, info).pooled(),
            **rates(coded, pixels, info),
            names.AT_FLOOR: float(scenes.max()[names.AT_FLOOR]),
        },
    )
