"""Everything that the client raises on purpose.

UpscalerError
├── ServiceUnreachableError      nobody answered, or nobody who could help, until patience was over
├── RefusedError                 the service said no, and will say so again
├── JobFailedError               the job has ended without a result
├── DigestMismatchError          what came is not what the service says it has made
├── OutOfTimeError               `timeout_s` is over; the job goes on
└── UnexpectedAnswerError        no Upscaler answers like this: is the address right?

Files that cannot be read or written raise OSError, an address or a key that cannot be one ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class UpscalerError(Exception):
    """Root of the tree. `sentence` says it for people, `str(error)` adds the ids by which an operator finds it.

    With `job_id`, a caller can go on where this ended, by `wait` and `download`.
    """

    def __init__(self, sentence: str, *, job_id: str | None = None, request_id: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.job_id, self.request_id = sentence, job_id, request_id

    def __str__(self) -> str:
        ids = {"job": self.job_id, "request": self.request_id}
        named = ", ".join(f"{name} {value}" for name, value in ids.items() if value)
        return f"{self.sentence} ({named})" if named else self.sentence


class ServiceUnreachableError(UpscalerError):
    """It may be there later: nothing is known to be lost."""


class RefusedError(UpscalerError):
    """`status` is the answer's, `code` a word for programs such as `image_too_large`, `facts` what belongs to it.

    `code` and `title` are empty when it was not the service itself that refused, but something before it.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int = 0,
        code: str = "",
        title: str = "",
        facts: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(sentence, job_id=job_id, request_id=request_id)
        self.status, self.code, self.title, self.facts = status, code, title, dict(facts or {})


class JobFailedError(UpscalerError):
    """`error_code` is a word for programs such as `invalid_image` or `cancelled`."""

    def __init__(self, sentence: str, *, error_code: str = "", job_id: str | None = None) -> None:
        super().__init__(sentence, job_id=job_id)
        self.error_code = error_code


class DigestMismatchError(UpscalerError):
    """The result stays with the service until it expires."""


class OutOfTimeError(UpscalerError):
    """The job, when there is one, has not been cancelled."""


class UnexpectedAnswerError(UpscalerError):
    """The answer is not written as the API writes them."""
