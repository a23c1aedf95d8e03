"""Our lines know which job they are on."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from deployments.logs import OURS, JsonLines, join_serve, to_stderr
from deployments.storage.storage import open_storage

JOB = "1769781953720134401"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    factory, loggers = logging.getLogRecordFactory(), [logging.getLogger(name) for name in OURS]
    before = [(logger.handlers, logger.level, logger.propagate, logger.parent) for logger in loggers]
    yield
    logging.setLogRecordFactory(factory)
    for logger, (handlers, level, propagate, parent) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate, logger.parent = handlers, propagate, parent
        logger.setLevel(level)


def test_a_line_of_json_has_the_job_and_the_error_in_fields(capsys):
    to_stderr("json")
    log = logging.getLogger("deployments.jobs.ledger")
    log.info("job %s is %s", JOB, "accepted")
    try:
        open_storage("s4://nowhere")
    except Exception:
        log.exception("two\nlines")
    log.info("no job %d", 7)
    first, second, third = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["job"] == JOB
    assert first["message"] == f"job {JOB} is accepted"
    assert first["levelname"] == "INFO"
    assert "Traceback" in second["exc_text"]
    assert second["message"] == "two\nlines"
    assert "job" not in third


def test_text_is_for_people(capsys):
    to_stderr("text")
    logging.getLogger("upscaler.engine").warning("job %s", JOB)
    assert capsys.readouterr().err.endswith(f"job_store -- job {JOB}\n")


def test_in_a_process_of_serves_our_lines_go_where_its_own_go():
    join_serve()
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(JsonLines())
    serves = logging.getLogger("ray.serve")
    serves.addHandler(handler)
    try:
        logging.getLogger("deployments.ingress.backend").error("job %s", JOB)
    finally:
        serves.removeHandler(handler)
    assert json.loads(told.getvalue())["job"] == JOB
