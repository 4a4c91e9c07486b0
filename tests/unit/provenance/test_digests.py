"""Code digests change with the code that a script uses, and with nothing else."""

import pytest

from workflow_lib.provenance import digests


@pytest.fixture
def project(tmp_path, monkeypatch):
    files = {
        "scripts/encode.py": "from workflow_lib.codec import code\ncode()\n",
        "scripts/train.py": "import workflow_lib.net.unet\n",
        "workflow_lib/__init__.py": "",
        "workflow_lib/codec.py": 'def code():\n    """It."""\n    from workflow_lib import deep\n',
        "workflow_lib/deep.py": "X = 1\n",
        "workflow_lib/net/__init__.py": "",
        "workflow_lib/net/unet.py": "Y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(digests, "ROOT", tmp_path)

    def current():
        for cached in (digests.code_digest, digests._code, digests._modules):
            cached.cache_clear()
        return {s: digests.code_digest(f"scripts/{s}.py") for s in ("encode", "train")}

    return tmp_path, current


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("workflow_lib/deep.py", "X = 2\n", {"encode"}),
        ("workflow_lib/deep.py", "# why\nX  =  1  # so\n", set()),
        (
            "workflow_lib/codec.py",
            'def code():\n    """Other words."""\n    from workflow_lib import deep\n',
            set(),
        ),
        ("workflow_lib/net/__init__.py", "Z = 1\n", {"train"}),
        ("workflow_lib/__init__.py", "Z = 1\n", {"encode", "train"}),
        ("scripts/train.py", "import workflow_lib.net\n", {"train"}),
    ],
)
def test_only_digests_of_users_of_changed_code_change(project, file, text, changes):
    root, current = project
    before = current()
    (root / file).write_text(text)
    after = current()
    assert {name for name in before if before[name] != after[name]} == changes
