"""Servers of tests leave no files behind, neither those of a run that ended nor those of one that was killed."""

import os
from pathlib import Path

from tests.factories.server_folders import server_folders, sweep


def test_folders_are_away_when_the_run_has_ended(tmp_path: Path) -> None:
    with server_folders(tmp_path / "servers") as make:
        folder = make()
        assert folder.name.startswith(f"{os.getpid()}-")
        assert folder.stat().st_mode & 0o777 == 0o755

    assert not folder.exists()


def test_folders_of_a_killed_run_are_swept_and_those_of_a_running_one_stay(tmp_path: Path) -> None:
    # No process has this number: it is larger than the kernel gives.
    killed, running = tmp_path / "99999999-a", tmp_path / f"{os.getpid()}-b"
    for folder in (killed, running):
        (folder / "cluster").mkdir(parents=True)

    sweep(tmp_path)

    assert sorted(tmp_path.iterdir()) == [running]
