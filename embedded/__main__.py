"""`python -m embedded`: the whole platform with one command, nothing to install but Python."""

import argparse
import asyncio
import sys
from pathlib import Path

from embedded.binaries import default_folder
from embedded.demonstration.client import StoryFailed
from embedded.postgres import PostgresNotStarted
from embedded.run import EmbeddedSettings, run
from shared.contracts.policy import PolicyPackInvalid
from shared.runtime.host.host import PortInUse
from shared.runtime.host.loop import new_loop

ROOT = Path(__file__).resolve().parents[1]


def parse() -> EmbeddedSettings:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m embedded",
        description="Start Yunquan with all services, a bundled PostgreSQL and a demonstration year.",
    )
    parser.add_argument("--once", action="store_true", help="stop after the proof; exit 1 if anything does not balance")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: 8080)")
    parser.add_argument("--data", type=Path, help="folder for the database and files (default: printed at start)")
    parser.add_argument("--policy", type=Path, default=ROOT / "policies/guizhou-2018.toml", help="policy pack")
    parser.add_argument("--no-demonstration", action="store_true", help="start empty, without the demonstration year")
    given = parser.parse_args()
    return EmbeddedSettings(
        once=given.once,
        host=given.host,
        port=given.port,
        folder=(given.data or default_folder() / "embedded").absolute(),
        policy_file=given.policy.absolute(),
        demonstration=not given.no_demonstration,
    )


def main() -> int:
    """Run until Ctrl-C; 0 when everything balanced."""
    settings = parse()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(run(settings))
    except (PortInUse, PostgresNotStarted, PolicyPackInvalid, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except StoryFailed as error:
        print(f"the demonstration cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
