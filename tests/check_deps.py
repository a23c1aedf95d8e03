"""`make check-deps`: ask a database of vulnerabilities about every version that constraints.txt pins."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
OPTIONS = ["--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format", "json"]
FOUND, NOT_CHECKED = 1, 2


def main(pip_audit: str, *more: str) -> None:
    """Print what is known. Exits with 1 when something is, with 2 when it could not be asked."""
    command = [pip_audit, *OPTIONS, "--progress-spinner", "off", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        audited = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        unreachable(done.stderr[-2000:])
    found, skipped = list(vulnerabilities(audited)), list(unknown(audited))
    if len(skipped) == len(audited):
        unreachable(skipped[0] if skipped else "no package")
    print("\n".join([*found, *skipped, f"{len(audited)} packages: {len(found)} found, {len(skipped)} not checked"]))
    sys.exit(FOUND if found else NOT_CHECKED if skipped else 0)


def unreachable(reason: str) -> NoReturn:
    print(f"{reason}\nNOTHING WAS CHECKED: the database of vulnerabilities could not be reached.", file=sys.stderr)
    sys.exit(NOT_CHECKED)


def vulnerabilities(audited: list[dict[str, Any]]) -> Iterator[str]:
    for package in audited:
        for known in package.get("vulns", []):
            fixed = ", ".join(known["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {known['id']}, fixed in {fixed}"


def unknown(audited: list[dict[str, Any]]) -> Iterator[str]:
    """Packages that the database says nothing about, which is not the same as nothing bad."""
    for package in audited:
        if reason := package.get("skip_reason"):
            yield f"{package['name']}: not checked: {reason}"


if __name__ == "__main__":
    main(*sys.argv[1:])
