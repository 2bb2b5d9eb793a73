"""The embedded platform's log keeps its lines, and its bound."""

from pathlib import Path

from embedded.log import BoundedLog


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for line in ("one\n", "two\n"):
        log = BoundedLog(tmp_path / "platform.log")
        log.write(line)
        log.close()

    assert (tmp_path / "platform.log").read_text(encoding="utf-8") == "one\ntwo\n"


def test_a_full_log_is_put_beside_and_only_one_is_kept(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "platform.log", bytes_max=10)
    for number in range(7):
        log.write(f"行 {number}\n")
    log.close()

    kept = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert kept.keys() == {"platform.log", "platform.log.1"}
    assert (kept["platform.log.1"] + kept["platform.log"]).endswith("行 5\n行 6\n")
    assert all(len(text.encode()) < 10 + len("行 0\n".encode()) for text in kept.values())
