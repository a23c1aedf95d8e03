"""Each block of code in the documentation is run by a test, or says why not; data is what it claims to be."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from deployments.run import BUILDER, Config, parse
from deployments.settings import Settings
from tests.blocks import all_blocks

BLOCKS = all_blocks()
DRAWN = {"", "text"}
"""Languages of what nobody runs: trees and diagrams."""


def of(*languages: str) -> list[object]:
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("block", of(*{block.language for block in BLOCKS} - DRAWN - {"json", "yaml"}))
def test_a_command_is_run_or_says_why_not(block):
    assert block.is_runnable or re.fullmatch(r"not run: \S.{8,}", block.mark, re.DOTALL)
    assert not block.is_runnable or block.language in {"sh", "python"}


@pytest.mark.parametrize("block", of("json"))
def test_json_is_the_output_of_something(block):
    assert isinstance(json.loads(block.text), dict)
    assert block.mark.startswith("output")


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_would_be_accepted(block):
    values = yaml.safe_load(block.text)
    assert block.mark in {"settings", "configuration"}
    if block.mark == "settings":
        parse(Settings, values, "args")
    else:
        (application,) = parse(Config, values, "configuration").applications
        assert application.import_path == BUILDER
        parse(Settings, application.args, "args")


def test_every_page_for_users_runs_something():
    running = {str(block.page.name) for block in BLOCKS if block.is_runnable}
    assert {"README.md", "quickstart.md", "guide.md", "http-api.md"} <= running
