"""Copy study files into a copy of the project."""

from workflow_lib.provenance.overlays import overlay_names


def test_project_files_keep_their_path_and_external_files_get_a_unique_one(tmp_path):
    root = tmp_path / "project"
    overlays = [
        root / "configs/smoke.yaml",
        tmp_path / "config.yaml",
        tmp_path / "a/mine.yaml",
        tmp_path / "b/mine.yaml",
    ]
    assert overlay_names(overlays, root) == [
        "configs/smoke.yaml",
        "overlays/2-config.yaml",
        "overlays/3-mine.yaml",
        "overlays/4-mine.yaml",
    ]
