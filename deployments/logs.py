"""Logs: where our lines go, and what they say beside their sentence.

A line on a job says `job <id>`, and in JSON it has the id in the field `job`. In a request Serve adds the request's id.
Nothing that a client has named or drawn is logged: no file names, no keys, no pixels.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import Any, Literal

Format = Literal["text", "json"]

OURS = ("deployments", "upscaler")
"""The loggers of all our modules are below these."""

SERVES, TEXT = "ray.serve", "%(levelname)s %(asctime)s job_store -- %(message)s"
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
A_JOB = re.compile(r"\bjob (\d{19})\b")


def join_serve() -> None:
    """In a process of Serve's: our lines go where its own go, in its format, by its level."""
    logging.setLogRecordFactory(_record)
    for name in OURS:
        logging.getLogger(name).parent = logging.getLogger(SERVES)


def write_as(form: Format) -> None:
    """In a process of Serve's: let all its lines be JSON, where they are to be. Its own setting does not reach its
    proxies."""
    for handler in logging.getLogger(SERVES).handlers if form == "json" else ():
        getattr(handler, "target", handler).setFormatter(JsonLines())


def to_stderr(form: Format) -> None:
    """In a process of our own. Ray keeps what it writes there."""
    logging.setLogRecordFactory(_record)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(TEXT))
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers, logger.propagate = [handler], False


class JsonLines(logging.Formatter):
    """A line of JSON for each record, with what others have added to it: Serve adds the request and the replica."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "asctime": self.formatTime(record),
            "levelname": record.levelname,
            "message": record.getMessage(),
            "filename": record.filename,
            "lineno": record.lineno,
            "process": record.process,
            **{name: value for name, value in vars(record).items() if name not in STANDARD},
        }
        if record.exc_info:
            fields["exc_text"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A record of ours knows which job it is on."""
    record = logging.LogRecord(*args, **kwargs)
    with contextlib.suppress(TypeError, ValueError):  # of a message that does not fit: handlers say so
        if record.name.startswith(OURS) and (found := A_JOB.search(record.getMessage())):
            record.job = found[1]
    return record
