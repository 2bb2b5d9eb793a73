"""What is in the image of every component, and what is not."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tests.containers import image, require_engine
from tests.e2e.composition import ROOT, run
from tests.e2e.stack import build_images, version

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]

OVER_BASE_BYTES_MAX = 200 * 10**6
LINES = [line.split() for line in (ROOT / "deploy/components").read_text(encoding="utf-8").splitlines()]
FOLDERS = {words[0]: words[1:] for words in LINES if words and words[0] != "#"}
EACH = pytest.mark.parametrize("component", FOLDERS)
COMPILERS = ("cc", "gcc", "g++", "c++", "clang", "tcc", "as", "ld", "make", "go", "rustc", "cargo")
INSTALLERS = ("pip", "pip3", "uv", "easy_install")
LOCKED = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)

# Runs inside, on a read-only root without capabilities and network.
LOOK = """
import importlib.metadata, json, os, shutil, sys, tempfile
def is_writable(folder):
    try:
        tempfile.TemporaryFile(dir=folder).close()
        return True
    except OSError:
        return False
found = {
    "ids": [os.getuid(), os.getgid()],
    "programs": [name for name in sys.argv[1:] if shutil.which(name)],
    "compilers": [name for _, _, names in os.walk("/usr") for name in names if name in ("cc1", "cc1plus", "collect2")],
    "writable": [folder for folder, _, _ in os.walk("/", followlinks=False)
                 if not folder.startswith(("/proc", "/sys", "/dev")) and is_writable(folder)],
    "bill": json.load(open("/usr/share/yunquan/sbom.cdx.json")),
    "installed": {each.metadata["Name"]: each.version for each in importlib.metadata.distributions(path=[
        path for path in sys.path if path.startswith("/opt/venv")])},
    "module": open("/app/component").read().strip(),
    "names": sorted(os.listdir("/app")),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    require_engine()
    build_images()


@cache
def inspected(name: str) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = json.loads(run("image", "inspect", name))
    return found[0]


def of(component: str) -> str:
    return f"yunquan/{component}:{version()}"


@cache
def inside(component: str) -> Mapping[str, Any]:
    confined = ["--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"]
    programs = [*COMPILERS, *INSTALLERS]
    found: Mapping[str, Any] = json.loads(run("run", *confined, of(component), "python", "-c", LOOK, *programs))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_service_and_no_other_folder_is_a_component() -> None:
    services = {f"services/{each.parent.name}" for each in ROOT.glob("services/*/__main__.py")}
    assert {folders[0] for folders in FOLDERS.values() if folders[0].startswith("services/")} == services
    assert all((ROOT / folder).is_dir() for folders in FOLDERS.values() for folder in folders)


@EACH
def test_an_image_is_small_and_says_what_it_is(component: str) -> None:
    found, base = inspected(of(component)), inspected(image("PYTHON_IMAGE", public="python:3.13-slim"))
    assert found["Size"] - base["Size"] <= OVER_BASE_BYTES_MAX
    config = found["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == f"yunquan-{component}"
    assert labels["version"] == version()
    assert labels["licenses"] == "Apache-2.0"
    assert labels["revision"]
    assert component in labels["description"]


@EACH
def test_nobody_in_an_image_can_compile_install_or_write(component: str) -> None:
    found = inside(component)
    assert found["ids"] == [10_001, 10_001]
    assert found["programs"] == []
    assert found["compilers"] == []
    assert found["writable"] == [], "the root is read-only, and nothing is mounted here"


@EACH
def test_an_image_holds_its_own_code_and_no_other(component: str) -> None:
    found = inside(component)
    first = FOLDERS[component][0]
    assert found["module"] == first.replace("/", ".")
    assert set(found["names"]) == {
        # The changelog is a page of the handbook.
        "CHANGELOG.md",
        "component",
        "policies",
        "shared",
        *(each.split("/")[0] for each in FOLDERS[component]),
    }


@EACH
def test_the_bill_of_materials_names_everything_that_is_installed_and_locked(component: str) -> None:
    found = inside(component)
    bill = found["bill"]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {normal(each["name"]): each["version"] for each in bill["components"] if "pkg:deb" not in each["purl"]}
    assert named == {normal(name): version for name, version in found["installed"].items()}
    locked = {
        normal(name): version
        for name, version in LOCKED.findall((ROOT / "requirements/services.txt").read_text(encoding="utf-8"))
    }
    assert named.items() <= locked.items()
    system = {each["name"] for each in bill["components"] if each["purl"].startswith("pkg:deb/debian/")}
    assert {"libc6", "tzdata"} <= system
    # A bill that told the time would make two images of one source differ.
    assert "timestamp" not in bill.get("metadata", {})
