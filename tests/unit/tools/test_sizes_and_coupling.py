"""What is counted in the text of a made-up project."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools.house.__main__ import Figures, report
from tools.house.coupling import coupling
from tools.house.sizes import PRODUCTION, Source, percentile, sizes, sources
from tools.house.walks import Walked

Project = Callable[[Mapping[str, str]], list[Source]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    def make(files: Mapping[str, str]) -> list[Source]:
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return sources(*PRODUCTION, checkout=tmp_path)

    return make


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([1, 2, 3, 4], percent) for percent in (50, 90, 100)] == [2, 4, 4]
    assert percentile([], 50) == 0


def test_functions_are_measured_from_def_to_end_and_migrations_do_not_count(project: Project) -> None:
    found = sizes(
        project(
            {
                "services/order/placing.py": (
                    '@cached\ndef place():\n    """Place."""\n    return 1\n\n\ndef _own():\n    pass\n'
                ),
                "services/order/migrations/versions/0001.py": "def upgrade():\n    pass\n" * 100,
                "shared/ids.py": "class Id:\n    def text(self):\n        return 1\n",
            }
        )
    )
    assert (found.files, found.lines, found.file_max) == (2, 11, 8)
    assert (found.function_median, found.function_max) == (2, 3)
    assert found.documented_percent == pytest.approx(100 / 3, abs=0.1)


def test_a_service_imports_a_module_of_the_runtime_however_it_says_so(project: Project) -> None:
    found = coupling(
        project(
            {
                "shared/runtime/__init__.py": "",
                "shared/runtime/work.py": "",
                "shared/runtime/http/__init__.py": "Body = 1\n",
                "shared/runtime/http/paging.py": "",
                "shared/runtime/relay.py": "",
                "services/order/placing.py": (
                    "import shared.runtime.work\nfrom shared.runtime.http import Body\n"
                    "def place():\n    from shared.runtime.http import paging\n"
                ),
            }
        )
    )
    assert found.runtime_modules == ["shared.runtime.http", "shared.runtime.http.paging", "shared.runtime.work"]


def test_circles_are_told_apart_by_when_they_are_closed(project: Project) -> None:
    found = coupling(
        project(
            {
                "shared/a.py": "from shared import b\n",
                "shared/b.py": "import shared.c\n",
                "shared/c.py": "from shared.a import x\n",
                "shared/d.py": "from shared import e\nfrom shared import a\n",
                "shared/e.py": "if TYPE_CHECKING:\n    from shared.d import y\n",
                "shared/f.py": "import shared.g\n",
                "shared/g.py": "def late():\n    import shared.f\n",
            }
        )
    )
    assert found.circles == [["shared.a", "shared.b", "shared.c"]]
    assert found.circles_for_types == [["shared.d", "shared.e"]]
    assert found.circles_in_functions == [["shared.f", "shared.g"]]
    assert found.longest_chain == ["shared.d", "shared.a + shared.b + shared.c"]


def test_names_of_several_modules_are_listed_with_their_places(project: Project) -> None:
    found = coupling(
        project(
            {
                "shared/runtime/batches.py": "class _Batch: ...\nLimit = 1\ndef take(): ...\ndef _own(): ...\n",
                "services/order/batches.py": "class Batch: ...\ndef take(): ...\ndef _own(): ...\n",
                "services/order/paging.py": "Limit: TypeAlias = int\n",
                "services/voucher/paging.py": "Limit = int\nLIMIT = 1\n",
                "operations/paging.py": "LIMIT = 1\nclass Batch: ...\n",
            }
        )
    )
    batches = ["services.order.batches", "shared.runtime.batches"]
    assert found.repeated_types["Batch"] == batches
    assert set(found.repeated_types) == {"Batch", "Limit"}
    assert found.repeated_functions == {"take": batches}
    assert found.runtime_types_elsewhere == ["Batch", "Limit"]


def test_what_the_linter_overlooks_is_counted_by_rule(project: Project) -> None:
    hush = "# no" + "qa"
    text = f"x = 1  {hush}: S105, S608 - made up\ny = 2  {hush}: S105\nz = 3  {hush}\n"
    found = coupling(project({"shared/a.py": text}))
    assert (found.noqa_lines, found.noqa) == (3, {"S105": 2, "S608": 1, "bare": 1})


def test_the_report_names_what_it_counts(project: Project) -> None:
    files = project({"shared/a.py": "class Batch: ...\n", "services/b.py": "import shared.a\nclass Batch: ...\n"})
    walk = Walked(
        name="POST /orders", service_files=["services/b.py"], service_lines=2, runtime_files=[], runtime_lines=0
    )
    figures = Figures(sizes={"all": sizes(files)}, coupling=coupling(files), walks=[walk])
    lines = [" ".join(line.split()) for line in report(figures, names=True).splitlines()]
    for line in (
        "all 2 3 1 / 2 / 2 0 / 0 / 0 0.0 %",
        "services.b > shared.a",
        "type Batch: services.b, shared.a",
        "POST /orders 1 2 0 0",
        "services/b.py",
    ):
        assert line in lines
