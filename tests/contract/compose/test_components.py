import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from embedded.platform import SERVICES
from tests.containers import require_engine
from tests.new_component import SIXTH, add_folder, add_line
from tools.compose import __main__ as command
from tools.compose.components import CHECKOUT, FaultyDeclaration, component_of, listed, serving
from tools.k8s_check.setup import version

COPIED = ("deploy", "embedded", "operations", "services", "shared", "tools")
PORTAL = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class PortalSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PORTAL_", frozen=True)
    session_key: SecretStr
    forwarded_hops: int = 0
"""
FAULTY = {
    "must hold one settings class, and holds 0": "",
    "are read from OTHER_..., not from FAULTY_...": """
from pydantic_settings import BaseSettings, SettingsConfigDict

class FaultySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="OTHER_")
""",
    "an image has one place for files": """
from pathlib import Path
from pydantic_settings import BaseSettings, SettingsConfigDict

class FaultySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FAULTY_")
    papers_folder: Path
    images_folder: Path
""",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what compose and its generator read."""
    for folder in COPIED:
        shutil.copytree(
            CHECKOUT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "k8s", ".env")
        )
    shutil.copy(CHECKOUT / "docker-compose.yml", tmp_path)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def generate(checkout: Path, *arguments: str) -> int:
    words = [sys.executable, "-m", "tools.compose", *arguments]
    return subprocess.run(words, cwd=checkout, check=False, timeout=60).returncode  # noqa: S603 - our own command


def composed(checkout: Path, *options: str) -> Mapping[str, Any]:
    """The configuration as compose itself reads it, which it does only when it is valid."""
    require_engine()
    done = subprocess.run(  # noqa: S603 - the engine's own client
        ["docker", "compose", *options, "config", "--format", "json"],  # noqa: S607 - wherever it is installed
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def mounted(service: Mapping[str, Any]) -> dict[str, str]:
    return {each["source"]: each["target"] for each in service["volumes"] if each["type"] == "volume"}


def test_the_committed_file_is_what_the_components_say() -> None:
    assert command.stale() == [], "run python -m tools.compose"


def test_every_service_has_a_block_and_the_command_line_has_none() -> None:
    assert [component.name for component in serving()] == [service.name for service in SERVICES]
    assert listed().keys() - {component.name for component in serving()} == {"operations"}


def test_a_version_that_nobody_sets_is_that_of_the_project() -> None:
    texts = [file.read_text(encoding="utf-8") for file in sorted((CHECKOUT / "deploy").glob("compose*.yaml"))]
    assert {found for text in texts for found in re.findall(r"\$\{VERSION:-(.*?)\}", text)} == {version()}


@pytest.mark.container
def test_a_sixth_component_is_one_folder_and_one_line(checkout: Path) -> None:
    add_folder(checkout / "services", "settings.py", like="settlement")
    add_line(checkout / "deploy/components", f"{SIXTH} services/{SIXTH}", after="settlement   services/settlement")
    assert generate(checkout, "--check") == 1, "what is stale is red"
    assert generate(checkout) == 0
    assert generate(checkout, "--check") == 0

    found = composed(checkout)
    services, known = found["services"], found["services"]["settlement"]
    own = services[SIXTH]
    assert own["image"] == f"yunquan/{SIXTH}:{version()}"
    assert own["build"]["args"]["COMPONENT"] == SIXTH
    environment = {"OVERSIGHT_DOCUMENTS_FOLDER": "/files", "OVERSIGHT_FORWARDED_HOPS": "1"}
    assert own["environment"] == {"COMPONENT": "OVERSIGHT", **environment}
    assert own["depends_on"].keys() == {f"{SIXTH}-migration", "topology"}
    assert mounted(own) == {SIXTH: "/run/yunquan", f"{SIXTH}-files": "/files"}
    assert {name: own[name] for name in ("entrypoint", "healthcheck", "deploy")} == {
        name: known[name] for name in ("entrypoint", "healthcheck", "deploy")
    }
    migration = services[f"{SIXTH}-migration"]
    assert migration["command"][-1] == SIXTH
    assert mounted(migration) == {f"{SIXTH}-migration": "/run/yunquan"}
    assert f"{SIXTH}:database_url,bus_url,encryption_key" in services["secrets"]["command"]
    assert mounted(services["secrets"]).items() >= {
        (SIXTH, f"/secrets/{SIXTH}"),
        (f"{SIXTH}-migration", f"/secrets/{SIXTH}-migration"),
    }
    assert services["databases"]["command"][-1] == SIXTH
    assert services["topology"]["command"][-1] == f"services.{SIXTH}.service"
    assert found["volumes"].keys() >= {SIXTH, f"{SIXTH}-migration", f"{SIXTH}-files"}


@pytest.mark.container
def test_a_component_without_a_database_has_no_migration_and_reaches_no_server(checkout: Path) -> None:
    (checkout / "portal").mkdir()
    (checkout / "portal/settings.py").write_text(PORTAL, encoding="utf-8")
    add_line(checkout / "deploy/components", "portal portal", after="settlement   services/settlement")
    assert generate(checkout) == 0

    services = composed(checkout)["services"]
    own = services["portal"]
    assert own["environment"] == {"COMPONENT": "PORTAL", "PORTAL_FORWARDED_HOPS": "1"}
    assert own["networks"].keys() == {"edge"}
    assert own["depends_on"].keys() == {"secrets"}
    assert mounted(own) == {"portal": "/run/yunquan"}
    assert "portal:session_key" in services["secrets"]["command"]
    assert not any("portal" in word for job in ("databases", "topology") for word in services[job]["command"])
    assert "portal-migration" not in services


@pytest.mark.container
def test_the_profile_adds_a_second_container_that_answers_to_the_same_name() -> None:
    one, two = composed(CHECKOUT)["services"], composed(CHECKOUT, "--profile", "two")["services"]
    assert two.keys() - one.keys() == {f"{service.name}-2" for service in SERVICES}
    for service in SERVICES:
        second = two[f"{service.name}-2"]
        assert second.pop("profiles") == ["two"]
        assert second == one[service.name], "the same in everything, its name on the network included"
        assert second["networks"]["edge"]["aliases"] == [service.name]


@pytest.mark.parametrize("why", FAULTY)
def test_what_compose_cannot_do_is_refused_with_the_reason(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"faulty_{list(FAULTY).index(why)}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "settings.py").write_text(FAULTY[why], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FaultyDeclaration, match=re.escape(why)):
        component_of("faulty", package)
