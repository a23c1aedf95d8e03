"""The key goes to the service in a header, and nowhere else."""

from __future__ import annotations

import logging
import pickle

import pytest

from client.tests.double import PNG, RESULT, unreachable
from upscaler_client import RefusedError, ServiceUnreachableError, UpscalerError, errors

KEY = "s3cret-key"


def test_the_key_is_sent(make_client, service):
    service.key = KEY
    assert make_client(key=KEY).upscale(PNG) == RESULT
    with pytest.raises(RefusedError, match="unauthorized"):
        make_client(key="wrong").upscale(PNG)


def test_the_key_is_not_told(make_client, service, caplog):
    caplog.set_level(logging.DEBUG)
    client = make_client(key=KEY, patience_s=3)
    assert client.upscale(PNG) == RESULT
    service.troubles["post"] = [unreachable] * 100
    with pytest.raises(ServiceUnreachableError) as error:
        client.upscale(PNG)
    told = [repr(client), repr(client._origin), str(error.value), repr(error.value), caplog.text]
    assert caplog.text
    assert not any(KEY in text for text in told)


@pytest.mark.parametrize("key", ["", "ключ", "a\nb", "a\r\nX-Other: 1", " \x00"])
def test_a_key_that_cannot_be_one_is_not_told_either(make_client, key):
    with pytest.raises(ValueError, match=r"^The key must be visible ASCII characters\.$"):
        make_client(key=key)


@pytest.mark.parametrize(
    "url", ["", "localhost:8089", "ftp://x", "http://", "http://me:s3cret@x", "http://x/?a=1", "http://x:y"]
)
def test_an_address_that_cannot_be_one(make_client, url):
    with pytest.raises(ValueError, match="address") as error:
        make_client(url)
    assert "s3cret" not in str(error.value)


def test_an_address_may_have_a_path(make_client, service):
    make_client("http://x.test/images/").submit(PNG)
    assert service.calls("POST") == ["/images/api/v1/upscale"]


def test_errors_go_from_one_process_to_another():
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, UpscalerError):
            error = kind("A sentence.", job_id="1")
            copy = pickle.loads(pickle.dumps(error))  # noqa: S301
            assert (type(copy), str(copy), copy.job_id) == (kind, str(error), "1")
