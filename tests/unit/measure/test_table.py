import numpy as np
import pandas as pd
import pytest

from workflow_lib.errors import DownlinkError
from workflow_lib.measure import table
from workflow_lib.measure.rows import Key


def point(dataset, codec, rate, bpppb, psnr):
    return table.pooled_rows(Key(dataset, codec, rate), {"bpppb": bpppb, "psnr_db": psnr})


def scored(dataset, iou, codec="", rate="", regime="original", seed=0, segmenter="unet"):
    return table.pooled_rows(Key(dataset, codec, rate, regime, "", segmenter, seed), {"iou": iou})


def study():
    return table.join(
        [
            point("fire", "jpeg2000", "0.2", 0.21, 45.0),
            point("fire", "jpeg2000", "0.05", 0.05, 41.0),
            point("building", "jpegxl", "0.1", 0.11, np.inf),
            scored("fire", 0.70, seed=0),
            scored("fire", 0.80, seed=1),
            scored("fire", 0.50, "jpeg2000", "0.05", "frozen", seed=0),
            scored("fire", 0.60, "jpeg2000", "0.05", "frozen", seed=1),
            scored("fire", 0.65, "jpeg2000", "0.05", "retrained"),
            scored("fire", 0.30, regime="baseline", segmenter="", seed=None),
            table.pooled_rows(Key("fire", "jpeg2000", "0.05"), {"bpppb": 99.0}, scene="one"),
            table.pooled_rows(Key("fire", "jpeg2000", "0.05", fold=1), {"bpppb": 98.0}),
        ]
    )


def test_main_table():
    main = table.main_table(study(), ["fire", "building"])
    assert main[["dataset", "codec", "rate"]].to_numpy().tolist() == [
        ["fire", "jpeg2000", "0.05"],
        ["fire", "jpeg2000", "0.2"],
        ["building", "jpegxl", "0.1"],
    ]
    first = main.iloc[0]
    assert (first["bpppb"], first["psnr_db"]) == (0.05, 41.0)
    assert first["iou_frozen"] == pytest.approx(0.55)
    assert first["iou_retrained"] == pytest.approx(0.65)
    assert first["iou_originals"] == pytest.approx(0.75)
    assert first["iou_baseline"] == pytest.approx(0.30)
    assert main.iloc[1:]["iou_frozen"].isna().all()


def test_every_rate_shows_originals_and_threshold_baseline():
    main = table.main_table(study(), ["fire"])
    assert main["iou_originals"].tolist() == pytest.approx([0.75, 0.75])
    assert main["iou_baseline"].tolist() == pytest.approx([0.30, 0.30])


def test_segmenters_are_not_averaged_together():
    rows = [
        point("fire", "jpeg2000", "0.05", 0.05, 41.0),
        scored("fire", 0.5, "jpeg2000", "0.05", "frozen", segmenter="a"),
        scored("fire", 0.9, "jpeg2000", "0.05", "frozen", segmenter="b"),
        scored("fire", 0.6, segmenter="a"),
    ]
    main = table.main_table(table.join(rows), ["fire"])
    assert main["segmenter"].tolist() == ["a", "b"]
    assert main["iou_frozen"].tolist() == [0.5, 0.9]
    assert main["iou_originals"].tolist() == pytest.approx([0.6, np.nan], nan_ok=True)
    assert "segmenter" in table.format_main_table(main)


def test_main_table_without_maps():
    main = table.main_table(point("fire", "jpeg2000", "0.05", 0.05, 41.0), ["fire"])
    assert len(main) == 1
    assert main["iou_frozen"].isna().all()


def test_text_is_aligned_and_marks_missing_figures():
    text = table.format_main_table(table.main_table(study(), ["fire", "building"]))
    lines = text.splitlines()
    assert len({len(line) for line in lines[1:]}) == 1
    assert "IoU on originals" in lines[0]
    assert "segmenter" not in lines[0]
    assert lines[2].split() == [
        *("fire", "jpeg2000", "0.05", "0.050", "41.00", "0.550", "0.650", "0.750", "0.300")
    ]
    assert lines[-1].split()[-6:] == ["0.110", "∞", "–", "–", "–", "–"]


def test_main_table_round_trip(tmp_path):
    main = table.main_table(
        table.join([study(), point("NA", "jpegxl", "1e-05", 1, 2)]), ["fire", "building", "NA"]
    )
    main.to_csv(tmp_path / "main.csv", index=False)
    pd.testing.assert_frame_equal(table.read_main_table(tmp_path / "main.csv"), main)


@pytest.mark.parametrize("text", ["", "dataset,codec\nfire,jpegxl\n"])
def test_the_error_names_a_damaged_main_table(tmp_path, text):
    (tmp_path / "main.csv").write_text(text)
    with pytest.raises(DownlinkError, match=r"main\.csv.*Run the study again"):
        table.read_main_table(tmp_path / "main.csv")


def test_the_error_for_a_missing_main_table_names_the_remedy(tmp_path):
    with pytest.raises(DownlinkError, match=r"main\.csv: does not exist. Run the study first"):
        table.read_main_table(tmp_path / "main.csv")


def test_no_figures_give_no_rows():
    empty = table.pooled_rows(Key("toy"), {})
    table.validate(empty)
    assert len(table.join([empty, study()])) == len(study())


def test_equal_tables_give_equal_bytes_and_can_be_read(tmp_path, toy_tiles):
    tiles = toy_tiles(np.ones((3, 1, 16, 16)))
    of_tiles = table.tile_rows(
        Key("toy", "jpegxl", "1"), tiles, {"psnr_db": [1.0, np.inf, np.nan], "sse": [0, 1, 2]}
    )
    everything = table.join([study(), of_tiles])
    shuffled = everything.sample(frac=1, random_state=1)
    table.write(everything, tmp_path / "a.parquet")
    table.write(shuffled, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(table.read([tmp_path / "a.parquet"]), everything)


def test_tile_rows_match_values_to_tiles(toy_tiles):
    tiles = toy_tiles(np.ones((6, 1, 16, 16)))
    rows = table.tile_rows(Key("toy"), tiles, {"iou": np.arange(6.0), "f1": 10 + np.arange(6.0)})
    found = rows.set_index(["metric", "row", "col"])["value"]
    assert found["iou", 1, 1] == 5
    assert found["f1", 0, 2] == 12
    assert rows["seed"].isna().all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"metric": "psnr"}, "unknown metric"),
        ({"metric": "iou/B01"}, "unknown metric"),
        ({"regime": "thawed"}, "unknown regime"),
        ({"row": pd.array([1], "Int64")}, "without scene"),
        ({"value": [1]}, "columns"),
    ],
)
def test_invalid_rows_are_refused(change, complaint):
    row = table.pooled_rows(Key("toy"), {"iou": 0.5})
    with pytest.raises(ValueError, match=complaint):
        table.validate(row.assign(**change))


def test_duplicate_figures_are_refused():
    row = scored("fire", 0.5)
    with pytest.raises(ValueError, match="twice"):
        table.join([row, row])


def test_the_error_names_unreadable_files(tmp_path):
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    other = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(other)
    for path in (damaged, other, tmp_path / "missing.parquet"):
        with pytest.raises(DownlinkError, match=f"{path.name}.*Delete it"):
            table.read([path])
