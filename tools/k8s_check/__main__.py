"""Checks the Kubernetes manifests: `python -m tools.k8s_check`, or `make k8s-check`.

Renders every overlay with kubectl, validates it against the schemas of the supported versions of Kubernetes and of
custom resources, and checks the project's own rules. Exit codes: 0 good, 1 findings, 2 it could not be checked.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.k8s_check import generate
from tools.k8s_check.documents import MANIFESTS, Finding
from tools.k8s_check.render import KubectlMissing, RenderFailed, copy_of, kubectl, overlays, render
from tools.k8s_check.rules import rule_findings
from tools.k8s_check.schemas import SUPPORTED_VERSIONS, schema_findings

EXIT_UNCHECKED = 2


def findings_of(manifests: Path, *, program: str, versions: Sequence[str], definitions: Path | None) -> list[Finding]:
    """Everything that is wrong with a folder of manifests. Raises: RenderFailed."""
    found = generate.differences(manifests)
    with copy_of(manifests) as copied:
        folders = overlays(copied)
        for folder in folders:
            rendered = render(folder, program=program)
            before = len(found)
            found += schema_findings(rendered, versions=versions, definitions=definitions)
            found += rule_findings(rendered)
            print(f"{folder.name}: {len(rendered.documents)} objects, {len(found) - before} findings")
    return found


def main() -> int:
    """Parse the command line, check, and print the findings."""
    parser = argparse.ArgumentParser(prog="python -m tools.k8s_check", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--definitions",
        type=Path,
        help="a folder of CustomResourceDefinitions; without it custom resources are not judged",
    )
    # An older release knows the fields that the manifests need, but does not do what they say.
    parser.add_argument(
        "--versions",
        nargs="+",
        choices=SUPPORTED_VERSIONS,
        default=SUPPORTED_VERSIONS,
        help="versions of Kubernetes (default: all that are supported)",
    )
    parser.add_argument("--write", action="store_true", help="first write the files that the code decides")
    given = parser.parse_args()
    if given.write:
        for path in generate.write():
            print(f"written: deploy/k8s/{path}")
    try:
        program = kubectl()
        found = findings_of(MANIFESTS, program=program, versions=given.versions, definitions=given.definitions)
    except KubectlMissing as error:
        print(f"nothing was rendered: {error}", file=sys.stderr)
        # A check that could not be made must not look like one that passed, least of all in CI.
        print("CI needs kubectl" if os.environ.get("CI") == "true" else "the check was not made", file=sys.stderr)
        return EXIT_UNCHECKED
    except (RenderFailed, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return EXIT_UNCHECKED
    for finding in found:
        print(finding.line())
    judged = "with" if given.definitions is not None else "without"
    print(f"Kubernetes {', '.join(given.versions)}, {judged} custom resources: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
