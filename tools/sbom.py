"""Adds the packages of the system to a bill of materials of a Python environment; runs while an image is built."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

QUERY = ["dpkg-query", "--show", "--showformat=${Package}\t${Version}\t${Architecture}\n"]


def system_packages() -> list[dict[str, Any]]:
    """A CycloneDX component for each installed Debian package, in alphabetical order."""
    lines = sorted(subprocess.check_output(QUERY, text=True).splitlines())
    found = []
    for line in lines:
        name, version, architecture = line.split("\t")
        purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
        found.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return found


def main() -> None:
    """`sbom.py python.cdx.json` prints the whole bill."""
    bill = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    bill["components"] += system_packages()
    json.dump(bill, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
