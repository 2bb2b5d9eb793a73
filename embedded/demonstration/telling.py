"""How far the story is, for the person at the terminal: a moving line there, plain lines elsewhere."""

from datetime import date
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Telling:
    """Shows the chapter, the business date and the number of acts; without a terminal, one line a chapter."""

    def __init__(self, console: Console, *, chapters: int) -> None:
        self._console = console
        self._chapters = chapters
        self._told = 0
        self._date = ""
        self._title = ""
        self.acts = 0
        self._progress = Progress(
            TextColumn("演示 {task.fields[date]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total} {task.description}（{task.fields[acts]} 项办理）"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=chapters, date="", acts=0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._title = title
        self._told += 1
        self._progress.update(self._task, completed=self._told, description=title)
        if not self._console.is_terminal:
            place = f"{self._told}/{self._chapters}"
            self._console.print(f"demonstration {place} {self._date or 'begin'} {title} ({self.acts} acts so far)")

    def dated(self, today: date) -> None:
        """Show another business date."""
        self._date = today.isoformat()
        self._progress.update(self._task, date=self._date)

    def acted(self) -> None:
        """Count one act."""
        self.acts += 1
        self._progress.update(self._task, acts=self.acts)
