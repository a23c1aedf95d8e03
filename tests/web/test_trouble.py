"""What goes wrong, in plain words; and what comes right again by itself."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from deployments.ingress.openapi import SUBMISSION_PROBLEMS
from deployments.ingress.problems import PROBLEMS, RETRY_AFTER_S, SENTENCES
from tests.faults.checks import REPLICA
from tests.pictures import encoded, picture, png
from tests.system import BEST
from tests.web.ingress import KEY
from tests.web.test_way import job_ids
from tests.web.visitor import PATIENCE_MS, Visitor

REFUSED = r"the server responded with a status of"
LOST = r"net::ERR_|" + REFUSED
UPSCALE = re.compile("/api/v1/upscale$")


def refusal(code: str, retry_after_s: int | None = None):
    """A handler that refuses a request as the service would."""
    status, title = PROBLEMS[code]
    body = {"success": False, "error": SENTENCES.get(code, f"{title}."), "code": code, "instance": "abc123"}
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}

    def refuse(route: Route) -> None:
        route.fulfill(status=status, body=json.dumps(body), content_type="application/problem+json", headers=headers)

    return refuse


@pytest.fixture
def stranger(browser, ingress):
    """Somebody at an ingress without replicas."""
    with Visitor(browser, ingress.url) as visitor:
        yield visitor.meets_service()


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


def test_a_service_that_says_when_is_asked_again_then(stranger):
    stranger.expected = REFUSED
    stranger.page.route(UPSCALE, refusal("queue_full", 2), times=1)
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", re.compile(r"Too many jobs are waiting; try again later\. Trying again in [12] s\."))
    stranger.reads("cat.png", "Next in the queue")


def test_a_network_that_comes_back(stranger):
    stranger.expected = LOST
    stranger.page.context.set_offline(True)
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", "The service cannot be reached. Trying again")
    stranger.can_all_use_it()
    stranger.page.context.set_offline(False)
    stranger.reads("cat.png", "in the queue")
    assert len(job_ids(stranger)) == 1


def test_a_lost_answer_makes_no_second_job(stranger):
    """The same Idempotency-Key comes again."""
    stranger.expected = LOST
    answers = []

    def lose(route: Route) -> None:
        answers.append(route.fetch().json()["job_id"])
        route.abort()

    stranger.page.route(UPSCALE, lose, times=1)
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", "in the queue")
    assert job_ids(stranger) == answers


def test_without_events_it_asks_by_itself(visitor):
    """As behind a proxy that holds them back, or ends them."""

    def cut_off(route: Route) -> None:
        if "text/event-stream" in route.request.headers.get("accept", ""):
            route.fulfill(body="retry: 2000\n\n", content_type="text/event-stream")
        else:
            route.continue_()

    visitor.page.route("**/api/v1/status/*", cut_off)
    visitor.meets_service().chooses({"cat.png": png(1, 200, 200)})
    visitor.starts()
    visitor.sees("cat.png", "completed")


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


def test_what_arrives_damaged_is_not_taken(visitor):
    def spoil(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body()[:-1] + b"!")

    visitor.page.route("**/api/v1/download/*", spoil, times=1)
    visitor.meets_service().chooses({"cat.png": png(1)})
    visitor.starts()
    visitor.sees("cat.png", "completed")
    visitor.does("cat.png", "fetch")
    visitor.reads("cat.png", "What has arrived is not what was sent.")
    visitor.fetched("cat.png")


def test_a_result_that_was_deleted_elsewhere(visitor, system):
    visitor.expected = REFUSED
    visitor.meets_service().chooses({"cat.png": png(1)})
    visitor.starts()
    visitor.sees("cat.png", "completed")
    httpx.delete(f"{system.url}/api/v1/status/{job_ids(visitor)[0]}")
    visitor.does("cat.png", "fetch")
    visitor.sees("cat.png", "failed")
    visitor.reads("cat.png", "The result was deleted on request.")


def test_a_job_that_fails(visitor, system):
    visitor.meets_service().chooses({"cat.png": png(1)})
    with system.paused(REPLICA):
        visitor.starts()
        visitor.reads("cat.png", re.compile("in the queue|Upscaling"))  # a lease may have been on its way already
        (system.storage / "jobs" / job_ids(visitor)[0] / "input").unlink()
    visitor.sees("cat.png", "failed")
    visitor.reads("cat.png", "Upscale failed: ")
    visitor.can_all_use_it()
    visitor.does("cat.png", "again")
    visitor.sees("cat.png", "completed")


def test_a_service_that_ends_and_comes_back(visitor, system):
    visitor.expected = LOST
    visitor.meets_service().chooses({"cat.png": png(1, 500, 500)})
    visitor.page.get_by_label("Model", exact=True).select_option(BEST)
    visitor.starts()
    visitor.reads("cat.png", re.compile(r"Upscaling, [1-9]"))
    system.kill_everything()
    visitor.reads("cat.png", re.compile(r"cannot be reached|is starting"))
    system.start()
    visitor.sees("cat.png", "completed")
    assert len(job_ids(visitor)) == 1
    expect(visitor.card("cat.png").get_by_role("button", name="Fetch result")).to_be_visible(timeout=PATIENCE_MS)
