"""What must be said alike wherever Ray is started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.check_deps import unknown, vulnerabilities

ROOT = Path(__file__).parents[2]


def shipped() -> dict[str, str]:
    """Every tracked text that is neither a test nor prose."""
    command = ["git", "ls-files", "*.py", "*.yaml", "*.sh", "Makefile", ".ci", "deploy"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {name: (ROOT / name).read_text() for name in names if "tests/" not in name}


def test_the_token_is_switched_off_in_tests_alone():
    off = re.compile(r"RAY_AUTH_MODE\W{1,6}disabled", re.IGNORECASE)
    assert not [name for name, text in shipped().items() if off.search(text)]


def test_nothing_of_ray_is_published():
    published = re.compile(r"^EXPOSE (?!8089$)|^\s+- \"\d+:(?!8080|8443)", re.MULTILINE)
    assert not [name for name, text in shipped().items() if name.startswith("deploy/") and published.search(text)]


def test_what_is_known_of_a_package_is_told_from_what_is_not():
    audited = [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]},
        {"name": "lost", "skip_reason": "not found"},
    ]
    assert list(vulnerabilities(audited)) == ["bad 2: CVE-1, fixed in 3"]
    assert list(unknown(audited)) == ["lost: not checked: not found"]
