"""`python -m bench.growth`: fills a platform size by size and prints what each way of reading it takes at each."""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg

from bench.growth.measure import DoesNotBalance, measure, prove, to_stderr
from bench.growth.meter import Reading, bytes_of
from bench.growth.platform import Grown, WrongSize, migrated, open_grown, remove
from bench.growth.table import rows_of, text
from bench.growth.ways import Unanswered
from embedded.binaries import default_folder
from embedded.postgres import PostgresNotStarted

SIZES = (1_000, 100_000)
GIGABYTES_PER_MILLION = 30
"""Disk that a fill needs at most, its write-ahead log included."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth",
        description=f"{__doc__}\n\nA million purchases take some {GIGABYTES_PER_MILLION} GB of disk; a hundred thousand"
        " a tenth of it. What was stopped goes on with the same folder. Without --keep it is removed at the end.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=int, nargs="+", default=SIZES, help="purchases, in turn (default: 1000 100000)")
    parser.add_argument("--folder", type=Path, help="where the platform is kept (default: growth beside the data)")
    parser.add_argument("--keep", action="store_true", help="keep the folder, to measure again or to grow on")
    parser.add_argument("--fresh", action="store_true", help="remove what the folder holds first")
    parser.add_argument("--fill-only", action="store_true", help="fill and prove, and measure nothing")
    parser.add_argument("--flat-only", action="store_true", help="leave out what reads all by right: it takes long")
    parser.add_argument("--all", action="store_true", help="print the rows that are flat as well")
    parser.add_argument("--processes", type=int, default=2, help="processes that fill (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure as JSON as well")
    return parser.parse_args(arguments)


def main() -> int:
    """0 when it was measured; 1 when it could not be, or the proof found a difference; 130 after Ctrl-C."""
    given = parse()
    folder = (given.folder or default_folder() / "growth").absolute()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if given.fresh:
        remove(folder)
    code = 1
    try:
        with open_grown(folder, told=to_stderr) as (server, state):
            grown = Grown(folder, server, {}, state, to_stderr)
            asyncio.run(_run(given, grown))
        code = 0
    except KeyboardInterrupt:
        print(f"\nstopped; the same command goes on in {folder}", file=sys.stderr)
        return 130
    except (Unanswered, WrongSize, DoesNotBalance, PostgresNotStarted, asyncpg.PostgresError, OSError) as error:
        print(f"\ngrow: {error}", file=sys.stderr)
    except subprocess.SubprocessError as error:
        print(f"\ngrow: {error}", file=sys.stderr)
    if code == 0 and not given.keep:
        remove(folder)
    return code


async def _run(given: argparse.Namespace, grown: Grown) -> None:
    grown = await migrated(grown.folder, grown.server, grown.state, grown.told)
    await grown.begin()
    kept = Kept(grown.folder / "measured.json")
    for size in sorted(given.size):
        if size in kept.measured:
            continue
        began = time.monotonic()
        await grown.grow(size, processes=given.processes)
        stored = await bytes_of(grown.admins)
        purchases = grown.state.purchases
        print(
            f"{purchases:,} purchases after {time.monotonic() - began:.0f} s, {sum(stored.values()) / 1e9:.2f} GB,"
            f" {sum(stored.values()) / purchases / 1e3:.1f} kB a purchase: "
            + ", ".join(f"{name} {part / purchases / 1e3:.1f}" for name, part in stored.items()),
            flush=True,
        )
        async with grown.quiet() as world:
            if given.fill_only:
                await prove(world)
            else:
                kept.keep(size, await measure(grown, world, told=grown.told, linear=not given.flat_only))
    wanted = {size: kept.measured[size] for size in sorted(given.size) if size in kept.measured}
    if wanted:
        print()
        print(text(rows_of(wanted), everything=given.all))
    if given.json is not None:
        given.json.write_text(kept.text(), encoding="utf-8")


class Kept:
    """What was measured at each size, beside the platform: a run that was stopped need not measure it again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        said = json.loads(file.read_text()) if file.exists() else {}
        self.measured: dict[int, dict[str, tuple[bool, Reading]]] = {
            int(size): {name: (linear, Reading(*figures)) for name, (linear, *figures) in found.items()}
            for size, found in said.items()
        }

    def keep(self, size: int, found: dict[str, tuple[bool, Reading]]) -> None:
        """Add a size."""
        self.measured[size] = found
        self._file.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """All of it as JSON: by size and name whether all is read by right, buffers, and seconds."""
        figures = {
            size: {name: [linear, one.buffers, one.seconds] for name, (linear, one) in found.items()}
            for size, found in self.measured.items()
        }
        return json.dumps(figures, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())
