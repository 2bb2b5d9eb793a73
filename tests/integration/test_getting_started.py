"""The guide that the platform serves: somebody who types it as it stands, on a platform with nothing in it, arrives."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from embedded.platform import SERVICES
from shared.handbook.contents import GUIDES
from shared.runtime.host.host import listen, serve
from tests.factories.harness import open_platform
from tests.factories.staff import SETTINGS
from tests.guides import Chapter, chapters_for_ci, run_as_reader


async def test_whoever_types_the_guide_as_it_stands_arrives(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    assert shutil.which("curl"), "the guide is typed with curl"
    chapters = chapters_for_ci(GUIDES / "getting-started.md")
    whole = Chapter("the guide", "".join(chapter.script for chapter in chapters))
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with open_platform(SERVICES, fresh_database, settings={"identity": SETTINGS}) as platform:
        stopping = asyncio.Event()
        served = asyncio.create_task(serve(platform.host, listener, stopping=stopping))
        try:
            said = await asyncio.to_thread(run_as_reader, whole, tmp_path, environment={"ADDRESS": address})
        finally:
            stopping.set()
            await served
    assert len(chapters) == 4
    assert "# 手册 Handbook" in said
    assert "## 怎么办 What to do" in said
