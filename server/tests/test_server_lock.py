"""The lock of a data folder: what an operator is told when the folder cannot be made."""

from pathlib import Path

import pytest

from robotoff_server.lock import RunningError, RunningLock


def test_a_folder_that_cannot_be_created_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(RunningError, match=r"file/var cannot be created .* --var"),
        RunningLock(tmp_path / "file" / "var"),
    ):
        pass
