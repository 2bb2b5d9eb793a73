"""Judges a command that needs a cluster by what the overlays render: who is not known here is not known there."""

import copy
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from operations.command_line import parser
from tests.guides import Block
from tools.k8s_check.documents import CHECKOUT, Document, Rendered, labels_of, load_all, name_of

CONDITIONS = {
    "Deployment": {"Available", "Progressing"},
    "Job": {"Complete", "Failed", "jsonpath={.status.ready}=1"},
    "Cluster": {"Ready"},
}
"""Which conditions Kubernetes, or the operator, sets on a kind."""
KEDA_ANNOTATIONS = {"autoscaling.keda.sh/paused-replicas", "autoscaling.keda.sh/paused"}
WITH_VALUE = {"--namespace", "--selector", "-k", "-f"}
WITH_EQUALS = {"--for", "--timeout", "--replicas", "--from"}
ALONE = {"--server-side", "--all", "--stdin", "--tty"}
PROGRAMS_OF_A_POD = {("sh",), ("tar", "--create", "--directory=/backups", ".")}
"""What an operator runs in a pod, beside our own."""
_HERE = re.compile(r"<<'(\w+)'$")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a block, and the text given to it from the block."""

    line: str
    given: str = ""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """A kubectl command taken apart."""

    verb: str
    words: Sequence[str]
    flags: Mapping[str, str]
    inside: Sequence[str] = ()
    """What is run in a pod."""


def commands_of(block: Block) -> list[Command]:
    """The commands of a block."""
    found: list[Command] = []
    lines = iter(block.text.replace("\\\n", " ").splitlines())
    for line in lines:
        here = _HERE.search(line)
        given = [] if here is None else list(takewhile(lambda one, end=here[1]: one != end, lines))  # type: ignore[misc] # a default in a lambda
        found.append(Command(_HERE.sub("", line), "\n".join(given)))
    return [command for command in found if command.line.strip()]


def taken_apart(words: Sequence[str]) -> Kubectl:
    """A kubectl command by its parts. Raises: AssertionError at a flag nobody knows."""
    verb, found, flags = "", [], {}
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if word == "--":
            return Kubectl(verb, found, flags, tuple(rest))
        if word in WITH_VALUE:
            flags[word] = next(rest)
        elif name in WITH_EQUALS and value:
            flags[name] = value
        elif word in ALONE:
            flags[word] = ""
        elif word.startswith("-"):
            raise AssertionError(f"nobody knows the flag {word}")
        elif verb:
            found.append(word)
        else:
            verb = word
    return Kubectl(verb, found, flags)


@dataclass
class Cluster:
    """A cluster that holds what an overlay renders, and what the guide itself makes in it."""

    overlays: Mapping[str, Rendered]
    overlay: Rendered
    release: str = ""
    """The release that was checked out."""
    archives: frozenset[str] = frozenset()
    """The files that were written before."""
    made: list[Document] = field(default_factory=list)
    labelled: set[tuple[str, str]] = field(default_factory=set)
    """Labels that namespaces were given."""

    def judge(self, command: Command) -> None:
        """Raises: AssertionError when the command names something that is not there, or when nobody judges it."""
        pipe: list[list[str]] = [[]]
        for word in shlex.split(command.line):
            if word == "|":
                pipe.append([])
            else:
                pipe[-1].append(word)
        match pipe:
            case [["kubectl", *words]]:
                self._judge_kubectl(taken_apart(words), command.given)
            case [["gunzip", "--stdout", archive], ["ctr", "--namespace", "k8s.io", "images", "import", "-"]]:
                assert archive in self.archives, f"nobody wrote {archive}"
            case _:
                raise AssertionError(f"nobody judges: {command.line}")

    def _judge_kubectl(self, asked: Kubectl, given: str) -> None:
        flags = set(asked.flags) - {"--namespace"}
        match asked.verb, asked.words:
            case "apply" | "diff", []:
                assert flags - {"--server-side"} == {"-k"}
                self._folder(asked.flags["-k"])
                return
            case "label", ["namespace", namespace, label]:
                assert not flags
                self._label_namespace(namespace, label)
                return
        namespace = asked.flags.get("--namespace", "")
        assert namespace in self.overlay.names("Namespace"), f"no namespace '{namespace}' is rendered"
        assert re.fullmatch(r"\d+s|", asked.flags.get("--timeout", ""))
        judged = self._looks(asked, flags, namespace) or self._changes(asked, flags, namespace, given)
        assert judged, f"nobody judges kubectl {asked.verb} {' '.join(asked.words)}"

    def _looks(self, asked: Kubectl, flags: set[str], namespace: str) -> bool:
        """Whether it is a command that changes nothing; then it was judged."""
        match asked.verb, asked.words, asked.inside:
            case "get", [kinds], ():
                assert not flags
                for kind in kinds.split(","):
                    self._all(kind, namespace)
            case "wait", [target], ():
                self._wait(target, namespace, asked.flags)
            case "rollout", ["status", target], ():
                assert flags <= {"--timeout"}
                assert self.one(target, namespace)["kind"] == "Deployment"
            case "exec", [target], ["python", "-m", module, *arguments]:
                self._is_in_a_pod(self.one(target, namespace), module, arguments)
            case "exec", [target], program:
                # Where the answer goes is the shell's affair, on this side.
                told = tuple(word for word in program if not word.startswith(">"))
                assert flags <= {"--stdin", "--tty"}
                assert self.one(target, namespace)["kind"] == "Job"
                assert told in PROGRAMS_OF_A_POD, f"nobody knows {' '.join(told)}"
            case "port-forward", [target, ports], ():
                served = [port["port"] for port in self.one(target, namespace)["spec"]["ports"]]
                assert int(ports.partition(":")[2]) in served, f"{target} serves {served}"
            case _:
                return False
        return True

    def _changes(self, asked: Kubectl, flags: set[str], namespace: str, given: str) -> bool:
        """Whether it is a command that changes something; then it was judged."""
        match asked.verb, asked.words, asked.inside:
            case "create", [], ():
                assert (flags, asked.flags["-f"]) == ({"-f"}, "-")
                self._create(namespace, given)
            case "create", ["job", name], ():
                assert flags == {"--from"}
                template = self.one(asked.flags["--from"], namespace)["spec"]["jobTemplate"]
                self.made.append({"apiVersion": "batch/v1", "kind": "Job", **copy.deepcopy(template)})
                self.made[-1]["metadata"] |= {"name": name, "namespace": namespace}
            case "rollout", ["restart", target], ():
                assert (flags, self.one(target, namespace)["kind"]) == (set(), "Deployment")
            case "annotate", [target, annotation], ():
                assert self.one(target, namespace)["apiVersion"].startswith("keda.sh/")
                assert annotation.partition("=")[0].removesuffix("-") in KEDA_ANNOTATIONS
            case "scale", [target], ():
                assert (flags, self.one(target, namespace)["kind"]) == ({"--replicas"}, "Deployment")
            case "delete", [target], () if "--selector" in flags:
                self._select(self._all(target, namespace), asked.flags["--selector"])
            case "delete", [target], ():
                assert not flags
                self.one(target, namespace)
            case _:
                return False
        return True

    def one(self, target: str, namespace: str) -> Document:
        """The object `kind/name`."""
        kind, _, name = target.partition("/")
        for found in self._all(kind, namespace):
            if name_of(found) == name:
                return found
        raise AssertionError(f"{self.overlay.overlay} renders no {target} in {namespace}")

    def _all(self, kind: str, namespace: str) -> list[Document]:
        """The objects of a kind, which kubectl takes in the singular or the plural."""
        found = [
            each
            for each in (*self.overlay.documents, *self.made)
            if kind in {str(each["kind"]).lower(), f"{each['kind']}s".lower()}
            and each["metadata"].get("namespace") == namespace
        ]
        assert found, f"{self.overlay.overlay} renders no {kind} in {namespace}"
        return found

    def _folder(self, folder: str) -> None:
        path = CHECKOUT / folder
        assert (path / "kustomization.yaml").is_file(), folder
        assert path.name in self.overlays, folder
        self.overlay = self.overlays[path.name]

    def _label_namespace(self, namespace: str, label: str) -> None:
        key, _, value = label.partition("=")
        assert re.fullmatch(r"[a-z][a-z-]*", namespace)
        assert (key, value) in namespaces_let_in(self.overlay), f"no policy asks for {label}"
        self.labelled.add((key, value))

    def _create(self, namespace: str, given: str) -> None:
        for document in load_all(given):
            assert document["metadata"]["namespace"] == namespace
            known = {str(each["apiVersion"]) for each in self.overlay.documents}
            assert document["apiVersion"] in known, f"nothing rendered is of {document['apiVersion']}"
            if document["kind"] == "Backup":
                self.one(f"cluster/{document['spec']['cluster']['name']}", namespace)
            else:
                raise AssertionError(f"nobody judges what a {document['kind']} names")
            self.made.append(document)

    def _wait(self, target: str, namespace: str, flags: Mapping[str, str]) -> None:
        what = self._all(target, namespace) if "--all" in flags else [self.one(target, namespace)]
        kind, condition = str(what[0]["kind"]), flags["--for"].removeprefix("condition=")
        assert condition in CONDITIONS.get(kind, ()), f"nobody sets {condition} on a {kind}"
        assert "--timeout" in flags, "half a minute is what kubectl waits without a word"

    def _is_in_a_pod(self, workload: Document, module: str, arguments: Sequence[str]) -> None:
        if module == "operations":
            assert workload["spec"]["template"]["spec"]["containers"][0]["name"] == "operations"
            assert callable(parser().parse_args(arguments).run)
            return
        assert not arguments
        assert workload["kind"] in {"Deployment", "StatefulSet"}
        assert module.split(".", maxsplit=1)[0] == "shared", "every image holds shared/, and of the rest only its own"
        assert (CHECKOUT / module.replace(".", "/")).with_suffix(".py").is_file(), module

    def _select(self, documents: Sequence[Document], selector: str) -> None:
        for part in re.split(r",(?![^(]*\))", selector):
            key, sign, value = re.fullmatch(r"([\w./-]+)(=| notin )(.+)", part.strip()).groups()  # type: ignore[union-attr] # or it fails
            documents = [each for each in documents if key in labels_of(each)]
            if sign == "=":
                documents = [each for each in documents if labels_of(each)[key] == value]
            else:
                assert value == f"({self.release})", "what is kept is the release that was checked out"
            assert documents, f"{part} selects nothing"


def namespaces_let_in(overlay: Rendered) -> set[tuple[str, str]]:
    """The labels by which policies let in namespaces that are not the platform's own."""
    return {
        label
        for policy in overlay.of("NetworkPolicy")
        for way, end in (("ingress", "from"), ("egress", "to"))
        for rule in policy["spec"].get(way) or ()
        for peer in rule.get(end) or ()
        for label in ((peer.get("namespaceSelector") or {}).get("matchLabels") or {}).items()
    }
