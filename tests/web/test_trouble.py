"""What goes wrong, in plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from playwright.sync_api import expect

from deployments.ingress import examples
from deployments.ingress.openapi import SUBMISSION_PROBLEMS
from deployments.ingress.problems import PROBLEMS, RETRY_AFTER_S, SENTENCES
from tests.faults.checks import REPLICA
from tests.pictures import encoded, picture, png
from tests.web.ingress import KEY
from tests.web.refusals import REFUSED, UPSCALE, refusal
from tests.web.visitor import Visitor


@pytest.mark.parametrize(
    ("name", "data", "words", "hint"),
    [
        (
            "note.heic",
            b"ftypheic and so on",
            "This is not a PNG, JPEG or WEBP picture.",
            "Save it as PNG or JPEG first.",
        ),
        ("empty.png", b"", "This file is empty.", ""),
        ("large.png", png(1) + bytes(1 << 20), "1.0 MB, and this service takes 1.0 MB at most", "Save it smaller"),
        ("wide.png", encoded(picture(1, 1200, 900), "JPEG"), "1.1 megapixels, and this service takes 1 megapixels", ""),
    ],
    ids=["type", "empty", "bytes", "pixels"],
)
def test_a_file_that_would_be_refused_is_not_uploaded(stranger, name, data, words, hint):
    stranger.chooses({name: data})
    stranger.reads(name, words)
    expect(stranger.card(name)).to_contain_text(hint)
    expect(stranger.page.locator("#start")).to_be_disabled()
    assert not [url for url in stranger.requested if UPSCALE.search(url)]
    stranger.can_all_use_it()


def test_another_scale_may_do_what_this_one_cannot(stranger):
    stranger.chooses({"long.png": png(1, 5000, 20)})
    stranger.page.get_by_label("Format of the result").select_option("webp")
    stranger.reads("long.png", "A WEBP can have 16,383 pixels a side at most.")
    stranger.page.get_by_role("radio", name="3×").check()
    stranger.sees("long.png", "ready")


def test_a_damaged_picture_is_told_by_the_service(stranger):
    stranger.expected = REFUSED
    stranger.chooses({"cut.png": png(1, 50, 50)[:-100]})
    stranger.starts()
    stranger.sees("cut.png", "failed")
    expect(stranger.card("cut.png")).to_contain_text("Open it in a picture program and save it anew.")
    expect(stranger.card("cut.png").get_by_role("button", name="Try again")).to_be_visible()
    stranger.can_all_use_it()


@pytest.mark.parametrize("code", [*SUBMISSION_PROBLEMS, "internal", "host_not_allowed", "origin_not_allowed"])
def test_every_refusal_is_told_in_the_sentence_of_the_service(stranger, code):
    stranger.expected = REFUSED
    stranger.page.route(UPSCALE, refusal(code, RETRY_AFTER_S.get(code)))
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", SENTENCES.get(code, f"{PROBLEMS[code][1]}."))
    if code in RETRY_AFTER_S:
        stranger.reads("cat.png", "Trying again")
    else:
        stranger.sees("cat.png", "failed")
    expect(stranger.card("cat.png")).not_to_contain_text(re.compile(r"[45]\d\d|_"))
    if code == "internal":
        expect(stranger.card("cat.png")).to_contain_text("Its number in the log is abc123.")


def test_a_slow_upload_shows_how_far_it_is(stranger):
    network = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 200_000}
    stranger.page.context.new_cdp_session(stranger.page).send("Network.emulateNetworkConditions", network)
    stranger.chooses({"cat.png": png(1, 560, 500)})
    stranger.starts()
    stranger.reads("cat.png", re.compile(r"Uploading, [1-9]\d? %"))
    stranger.reads("cat.png", "in the queue")


def test_a_result_that_nobody_fetches_in_time(stranger):
    """Its time is the service's, whose clock is another one."""
    ahead = timedelta(hours=5)
    until = (datetime.now(UTC) + ahead + timedelta(seconds=4)).isoformat()
    clock = {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)}
    answers = [{**examples.COMPLETED, "expires_at": until}, examples.EXPIRED]
    stranger.page.route("**/api/v1/status/*", lambda route: route.fulfill(json=answers.pop(0), headers=clock))
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", re.compile(r"Done\. The service keeps the result for 0:0[2-4]\."))
    stranger.sees("cat.png", "failed")
    stranger.reads("cat.png", "Nobody has fetched the result in time, so it was deleted.")


def test_an_option_that_cannot_be_is_shown_where_it_is(stranger):
    stranger.page.get_by_text("More", exact=True).click()
    stranger.page.get_by_label("Quality of a JPEG or WEBP").fill("0")
    stranger.page.get_by_text("More", exact=True).click()
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    expect(stranger.page.get_by_label("Quality of a JPEG or WEBP")).to_be_focused()
    stranger.sees("cat.png", "ready")


def test_a_service_that_asks_for_a_key(browser, ingress_with_keys):
    with Visitor(browser, ingress_with_keys.url) as visitor:
        visitor.expected = REFUSED
        panel, field = visitor.page.locator("#key-panel"), visitor.page.get_by_label("Key", exact=True)
        expect(panel).to_contain_text("This service asks for a key.")
        expect(field).to_be_focused()
        assert field.get_attribute("type") == "password"
        visitor.can_all_use_it()
        field.fill("wrong")
        field.press("Enter")
        expect(panel).to_contain_text("The service has refused this key.")
        field.fill(KEY)
        visitor.page.get_by_label("Keep it until this tab is closed").check()
        field.press("Enter")
        visitor.meets_service()
        expect(panel).to_be_hidden()
        visitor.chooses({"cat.png": png(1)})
        visitor.starts()
        visitor.reads("cat.png", "in the queue")
        visitor.does("cat.png", "cancel")
        visitor.page.reload()
        visitor.meets_service()
        expect(panel).to_be_hidden()


def test_a_key_is_forgotten_with_the_page_unless_it_is_to_be_kept(browser, ingress_with_keys):
    with Visitor(browser, ingress_with_keys.url) as visitor:
        visitor.expected = REFUSED
        visitor.page.get_by_label("Key", exact=True).fill(KEY)
        visitor.page.get_by_role("button", name="Use this key").click()
        visitor.meets_service()
        assert visitor.page.evaluate("() => sessionStorage.length + localStorage.length + document.cookie.length") == 0
        visitor.page.reload()
        expect(visitor.page.locator("#key-panel")).to_be_visible()


def test_a_result_that_was_deleted_elsewhere(visitor, system):
    visitor.expected = REFUSED
    visitor.meets_service().chooses({"cat.png": png(1)})
    visitor.starts()
    visitor.sees("cat.png", "completed")
    httpx.delete(f"{system.url}/api/v1/status/{visitor.job_ids()[0]}")
    visitor.does("cat.png", "fetch")
    visitor.sees("cat.png", "failed")
    visitor.reads("cat.png", "The result was deleted on request.")


def test_a_job_that_fails(visitor, system):
    visitor.meets_service().chooses({"cat.png": png(1)})
    with system.paused(REPLICA):
        visitor.starts()
        visitor.reads("cat.png", re.compile("in the queue|Upscaling"))  # a lease may have been on its way already
        (system.storage / "jobs" / visitor.job_ids()[0] / "input").unlink()
    visitor.sees("cat.png", "failed")
    visitor.reads("cat.png", "Upscale failed: ")
    visitor.can_all_use_it()
    visitor.does("cat.png", "again")
    visitor.sees("cat.png", "completed")
