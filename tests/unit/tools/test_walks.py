"""What belongs to a walk: the functions beneath its block, whatever task or thread they run in, and nothing else."""

import asyncio
from contextvars import Context

from tools.house.sizes import CHECKOUT
from tools.house.walks import Recorder, Walk, walked


def names(walk: Walk) -> set[str]:
    return {name for file, name in walk.functions if file == __file__ and not name.startswith("test_")}


def plain() -> None:
    pass


def aside() -> None:
    pass


def late() -> None:
    pass


async def in_a_task() -> None:
    await asyncio.sleep(0)
    plain()


async def in_the_background(stop: asyncio.Event) -> None:
    while not stop.is_set():
        aside()
        await asyncio.sleep(0)


async def test_what_runs_beneath_a_block_is_its_walk_and_what_runs_beside_it_is_not() -> None:
    recorder, stop = Recorder(), asyncio.Event()
    with recorder.listening():
        beside = asyncio.create_task(in_the_background(stop))
        with recorder.walk("a call") as walk:
            await asyncio.create_task(in_a_task(), context=Context())
            await asyncio.to_thread(plain)
        late()
        stop.set()
        await beside
    assert recorder.walks == [walk]
    assert names(walk) == {"in_a_task", "plain"}


async def test_a_task_that_outlives_its_walk_counts_no_more() -> None:
    recorder, over = Recorder(), asyncio.Event()

    async def outliving() -> None:
        plain()
        await over.wait()
        late()

    with recorder.listening():
        with recorder.walk("a call") as walk:
            task = asyncio.create_task(outliving())
            await asyncio.sleep(0)
        over.set()
        await task
    assert names(walk) == {"outliving", "plain"}


async def test_nothing_is_noted_when_nobody_listens() -> None:
    recorder = Recorder()
    with recorder.walk("a call") as walk:
        plain()
    assert walk.functions == set()


def test_only_functions_of_services_and_of_the_runtime_are_reported() -> None:
    service, runtime = "services/order/service.py", "shared/runtime/__init__.py"
    walk = Walk("a call")
    walk.functions |= {
        (str(CHECKOUT / service), "run"),
        (str(CHECKOUT / runtime), "run"),
        (str(CHECKOUT / "services/order/settings.py"), "<module>"),
        (str(CHECKOUT / "shared/kernel/ids.py"), "run"),
        (str(CHECKOUT / "tools/house/walks.py"), "run"),
        ("<string>", "__init__"),
    }
    found = walked("a call", [walk])
    assert (found.service_files, found.runtime_files) == ([service], [runtime])
    assert found.service_lines == len((CHECKOUT / service).read_text(encoding="utf-8").splitlines())
