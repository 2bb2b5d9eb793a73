"""The guide of the platform team: what needs no cluster is run as it stands, and the rest is looked up."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.containers import image
from tests.contract.k8s.checkout import make_checkout
from tests.contract.k8s.offline import Cluster, Command, commands_of, namespaces_let_in
from tests.contract.k8s.registry import Registry, open_registry
from tests.guides import Block, Chapter, chapters_for_ci, fenced, run_as_reader
from tools.k8s_check.documents import CHECKOUT, Rendered, dump_all, load_all, name_of
from tools.k8s_check.operators import OPERATORS
from tools.k8s_check.render import render

GUIDE = CHECKOUT / "docs" / "operations" / "deploy.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = fenced(GUIDE)
CHAPTERS = chapters_for_ci(GUIDE)
TYPED = [block for block in BLOCKS if block.kind == "bash"]
LOOKED_UP = [block for block in TYPED if not block.runs_in_ci]
WITH_IMAGES, WITH_SECRETS = "Images without a registry", "Development"
CLUSTERS_OWN = re.compile(r"^\s*(kubectl|helm|ctr|crictl)\b|\|\s*ctr\b", re.MULTILINE)
COMPONENTS = [line.split()[0] for line in (CHECKOUT / "deploy/components").read_text().splitlines() if line[0] != "#"]


def chapter(heading: str) -> Chapter:
    """What is run of a chapter."""
    return next(each for each in CHAPTERS if each.heading == heading)


@pytest.fixture(scope="session")
def blanks(rendered: dict[str, Rendered], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a reader fills in: a folder of definitions that know every custom kind, and take whatever it holds."""
    folder = tmp_path_factory.mktemp("definitions")
    custom = {
        (*str(each["apiVersion"]).split("/"), str(each["kind"]))
        for overlay in rendered.values()
        for each in overlay.documents
        if "." in str(each["apiVersion"]).partition("/")[0]
    }
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definitions = [
        {
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": group,
                "names": {"kind": kind},
                "versions": [{"name": version, "served": True, "schema": {"openAPIV3Schema": anything}}],
            },
        }
        for group, version, kind in sorted(custom)
    ]
    (folder / "all.yaml").write_text(dump_all(definitions), encoding="utf-8")
    return {"CRDS": str(folder)}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout of the reader's own."""
    made = make_checkout(tmp_path_factory.mktemp("guide") / "checkout", guide=TEXT)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def environment(program: str) -> dict[str, str]:
    """The kubectl of the other tests, and no cluster."""
    return {"KUBECTL": program, "KUBECONFIG": "/dev/null"}


def test_every_block_is_run_or_looked_up_and_none_is_both() -> None:
    assert {block.info for block in BLOCKS} == {"bash ci", "bash", "yaml"}
    assert len(BLOCKS) * 2 == TEXT.count("```"), "a fence is not closed"
    for block in TYPED:
        needs_a_cluster = [bool(CLUSTERS_OWN.search(command.line)) for command in commands_of(block)]
        wanted = [not block.runs_in_ci] * len(needs_a_cluster)
        assert needs_a_cluster == wanted, f"{block.heading}: {block.text}"


def test_every_file_in_the_guide_exists() -> None:
    paths = set(re.findall(r"\b(?:deploy|docs|tools)/[A-Za-z0-9_./-]*[A-Za-z0-9_]", TEXT))
    made = {"deploy/k8s/overlays/development/secrets.yaml"}

    assert {path for path in paths - made if not (CHECKOUT / path).exists()} == set()


@pytest.mark.parametrize(
    "found",
    [pytest.param(each, id=each.heading) for each in CHAPTERS if each.heading not in {WITH_IMAGES, WITH_SECRETS}],
)
def test_what_needs_no_cluster_does_what_the_guide_says(
    found: Chapter, checkout: Path, blanks: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    assert "docker" not in found.script
    run_as_reader(found, checkout, blanks=blanks, environment=environment)


def test_what_the_guide_applies_is_rendered_from_the_checkout_that_it_prepared(
    checkout: Path, environment: Mapping[str, str], program: str
) -> None:
    run_as_reader(chapter(WITH_SECRETS), checkout, environment=environment)
    folders = set(re.findall(r"-k (\S+)", "".join(block.text for block in LOOKED_UP)))

    assert len(folders) == 3
    for folder in folders:
        assert render(checkout / folder, program=program).documents
    secret = next(render(checkout / "deploy/k8s/overlays/development", program=program).of("Secret"))
    kept = (checkout / "deploy/k8s/overlays/development/secrets.yaml").read_text(encoding="utf-8")
    assert secret["stringData"] in [found.get("stringData") for found in load_all(kept)]


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry inside the network; the tags that name it are taken away again."""
    with open_registry() as running:
        yield running
        listed = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{running.address}/*/*"]
        found = subprocess.run(listed, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603 - the engine's client
        tags = found.stdout.split()
        subprocess.run(["docker", "rmi", *tags], check=False, capture_output=True, timeout=60)  # noqa: S603, S607 - as above


@pytest.mark.container
@pytest.mark.timeout(900)
def test_images_come_into_a_network_by_a_file_and_by_a_registry(
    checkout: Path, registry: Registry, environment: Mapping[str, str]
) -> None:
    told = chapter(WITH_IMAGES)
    # An engine on another machine reaches no loopback address of this one: then all is done but the push.
    pushes = os.environ.get("DOCKER_HOST", "unix:").startswith("unix:")
    if not pushes:
        told = replace(told, script=re.sub(r"^.*docker push.*\n", "", told.script, flags=re.MULTILINE))
    blanks = {"REGISTRY": registry.address, "RABBITMQ": image("RABBITMQ_IMAGE", public="rabbitmq:4-management")}
    run_as_reader(told, checkout, blanks=blanks, environment=environment)

    (archive,) = checkout.glob("yunquan-*.tar.gz")
    version = archive.name.removeprefix("yunquan-").removesuffix(".tar.gz")
    wanted = {f"yunquan/{component}:{version}" for component in COMPONENTS}
    assert registry.tags == (wanted | {"yunquan/broker:4.1.4"} if pushes else set())
    with tarfile.open(archive) as packed:
        listed = packed.extractfile("manifest.json")
        assert listed is not None
        held = json.loads(listed.read())
    assert {tag for image in held for tag in image["RepoTags"]} == wanted


def overlay_of(heading: str, rendered: Mapping[str, Rendered]) -> Rendered:
    """The overlay that a chapter applies; the production's where it applies none."""
    folders = re.findall(r"-k \S*/([\w-]+)", "".join(block.text for block in LOOKED_UP if block.heading == heading))
    return rendered[folders[-1] if folders else "production"]


def cluster_of(heading: str, rendered: Mapping[str, Rendered]) -> Cluster:
    """The cluster as a chapter finds it."""
    script = "".join(block.text for block in TYPED if block.runs_in_ci and block.heading == heading)
    release = re.search(r"^git checkout v(\S+)$", script, re.MULTILINE)
    return Cluster(
        rendered,
        overlay_of(heading, rendered),
        release="" if release is None else release[1],
        archives=frozenset(word.removeprefix(">") for word in shlex.split(script) if word.startswith(">")),
    )


@pytest.mark.parametrize("heading", dict.fromkeys(block.heading for block in LOOKED_UP))
def test_every_command_for_a_cluster_names_what_is_rendered(heading: str, rendered: dict[str, Rendered]) -> None:
    cluster = cluster_of(heading, rendered)
    for block in LOOKED_UP:
        if block.heading == heading:
            for command in commands_of(block):
                cluster.judge(command)


def test_the_guide_labels_every_namespace_that_a_policy_lets_in(rendered: dict[str, Rendered]) -> None:
    cluster = cluster_of("First deployment", rendered)
    for block in LOOKED_UP:
        for command in commands_of(block):
            if command.line.startswith("kubectl label namespace "):
                cluster.judge(command)

    # Kubernetes itself gives each namespace its name as a label.
    wanted = {found for found in namespaces_let_in(rendered["production"]) if found[0].startswith("yunquan/")}
    assert cluster.labelled == wanted


def test_the_store_of_the_guide_is_the_one_that_every_secret_comes_from(rendered: dict[str, Rendered]) -> None:
    (block,) = [block for block in BLOCKS if block.kind == "yaml"]
    (store,) = load_all(block.text)
    secrets = list(rendered["production"].of("ExternalSecret"))

    assert store["apiVersion"] == secrets[0]["apiVersion"]
    assert {each["metadata"]["namespace"] for each in secrets} == {store["metadata"]["namespace"]}
    assert [each["spec"]["secretStoreRef"] for each in secrets] == [
        {"kind": store["kind"], "name": name_of(store)}
    ] * len(secrets)


WRONG = {
    "another object": "kubectl --namespace yunquan rollout status deployment/orders",
    "another kind": "kubectl --namespace yunquan get widgets",
    "another namespace": "kubectl --namespace cloud get jobs",
    "no namespace": "kubectl rollout status deployment/order",
    "a condition nobody sets": "kubectl --namespace yunquan wait --for=condition=Done --timeout=9s deployment --all",
    "a wait without end": "kubectl --namespace yunquan wait --for=condition=Available deployment --all",
    "another folder": "kubectl apply -k deploy/k8s/overlays/nowhere",
    "a label no policy asks for": "kubectl label namespace keda yunquan/scales=true",
    "another port": "kubectl --namespace yunquan port-forward service/identity 8000:9000",
    "another module": "kubectl --namespace yunquan exec deployment/order -- python -m shared.runtime.health",
    "a selector of nothing": "kubectl --namespace yunquan delete jobs --selector app.kubernetes.io/component=x",
    "another annotation": "kubectl --namespace yunquan annotate scaledobject/order keda.sh/paused=0",
    "another flag": "kubectl --namespace yunquan get jobs --watch",
    "another verb": "kubectl --namespace yunquan edit deployment/order",
    "another program": "helm upgrade yunquan deploy",
    "a file nobody wrote": "gunzip --stdout images.tar.gz | ctr --namespace k8s.io images import -",
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_a_command_that_a_cluster_would_refuse_is_refused_here(line: str, rendered: dict[str, Rendered]) -> None:
    with pytest.raises(AssertionError):
        cluster_of("Upgrade", rendered).judge(Command(line))


def test_a_block_knows_its_commands_and_what_is_given_to_them() -> None:
    block = Block(GUIDE, "", "bash", "one \\\n  two\nthree - <<'END'\na: 1\nb: 2\nEND\nfour\n")

    assert commands_of(block) == [Command("one    two"), Command("three - ", "a: 1\nb: 2"), Command("four")]


def test_the_guide_names_every_operator_with_the_oldest_version_that_serves() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.splitlines()
        if re.match(r"\| `[a-z0-9.-]+` \|", line)
    ]

    assert {row[0].strip("`"): row[1:] for row in rows} == {
        group: [one.name, one.oldest, one.because] for group, one in OPERATORS.items()
    }
