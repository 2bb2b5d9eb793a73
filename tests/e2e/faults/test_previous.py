"""Which revision a rolling update begins from, in repositories made for the purpose."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.faults.previous import choose

MIGRATIONS = "services/order/migrations/versions"


class Clone:
    """A repository with one service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *words: str) -> str:
        """Run git as somebody."""
        somebody = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", *somebody, *words]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True, timeout=30)  # noqa: S603
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """A file, not yet committed."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self, **files: str) -> str:
        """Commit these files, with a slash for every two underscores in a name; the revision."""
        for name, text in files.items():
            self.write(name.replace("__", "/"), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A service with one migration, committed."""
    found = Clone(tmp_path)
    found.write(f"{MIGRATIONS}/0001.py", "first")
    found.commit(services__order__code="1")
    return found


def test_the_last_release_is_taken_before_anything_else(clone: Clone) -> None:
    released = clone.git("rev-parse", "HEAD")
    clone.git("tag", "v1")
    clone.write(f"{MIGRATIONS}/0002.py", "second, which only adds")
    clone.commit(services__order__code="2")
    clone.commit(services__order__code="3")
    found = choose(clone.folder)
    assert found.revision == released
    assert "the release v1" in found.why


def test_without_a_release_it_is_the_commit_before_the_last_change_of_code(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    clone.commit(services__order__code="2")
    clone.commit(README="only a text")
    assert choose(clone.folder).revision == before


def test_what_is_not_yet_committed_is_the_last_change(clone: Clone) -> None:
    clone.commit(services__order__code="2")
    clone.write("services/order/code", "3")
    assert choose(clone.folder).revision == clone.git("rev-parse", "HEAD")


def test_a_release_before_a_rewritten_migration_cannot_be_rolled_from_and_the_last_commit_is_taken(
    clone: Clone,
) -> None:
    clone.git("tag", "v1")
    clone.write(f"{MIGRATIONS}/0001.py", "rewritten")
    before = clone.commit(services__order__code="2")
    clone.commit(services__order__code="3")
    found = choose(clone.folder)
    assert found.revision == before
    assert choose(clone.folder, "v1").revision == ""


def test_where_no_revision_is_fit_the_same_code_goes_under_another_label_and_says_why(clone: Clone) -> None:
    clone.write(f"{MIGRATIONS}/0001.py", "rewritten, not committed")
    found = choose(clone.folder)
    assert found.revision == ""
    assert "rewritten since" in found.why
    assert found.label.endswith("same-code")


def test_a_service_that_the_previous_version_had_not_is_not_rolled(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    clone.write("services/voucher/migrations/versions/0001.py", "first")
    clone.commit(services__voucher__code="1")
    found = choose(clone.folder)
    assert (found.revision, set(found.services)) == (before, {"order"})


def test_without_history_the_same_code_is_taken_and_a_wished_revision_is_not_found(tmp_path: Path) -> None:
    (tmp_path / MIGRATIONS).mkdir(parents=True)
    (tmp_path / MIGRATIONS / "0001.py").write_text("first", encoding="utf-8")
    found = choose(tmp_path)
    assert found.revision == ""
    assert "no history" in found.why
    assert choose(tmp_path, "v1").revision == ""
