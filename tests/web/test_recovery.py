"""What comes right again by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.pictures import png
from tests.system import BEST, FAST, System
from tests.web.refusals import LOST, REFUSED, UPSCALE, refusal
from tests.web.visitor import PATIENCE_MS, Visitor


@pytest.fixture
def mortal(browser, tmp_path) -> Iterator[tuple[Visitor, System]]:
    """Somebody before the page of a service that no other test needs."""
    system = System(tmp_path, models={"default": FAST})
    try:
        system.start()
        with Visitor(browser, system.url) as visitor:
            yield visitor, system
    finally:
        system.kill_everything()


def test_a_service_that_says_when_is_asked_again_then(stranger):
    stranger.expected = REFUSED
    stranger.page.route(UPSCALE, refusal("queue_full", 2), times=1)
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", re.compile(r"Too many jobs are waiting; try again later\. Trying again in [12] s\."))
    stranger.reads("cat.png", "in the queue")


def test_a_network_that_comes_back(stranger):
    stranger.expected = LOST
    stranger.page.context.set_offline(True)
    stranger.chooses({"cat.png": png(1)})
    stranger.starts()
    stranger.reads("cat.png", "The service cannot be reached. Trying again")
    stranger.can_all_use_it()
    stranger.page.context.set_offline(False)
    stranger.reads("cat.png", "in the queue")
    assert len(stranger.job_ids()) == 1


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
    assert stranger.job_ids() == answers


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


@pytest.mark.timeout(600)  # it starts a service twice
def test_a_service_that_ends_and_comes_back(mortal):
    visitor, system = mortal
    visitor.expected = LOST
    visitor.meets_service().chooses({"cat.png": png(1, 350, 350)})
    visitor.page.get_by_label("Model", exact=True).select_option(BEST)
    visitor.starts()
    visitor.reads("cat.png", re.compile(r"Upscaling, [1-9]"))
    system.kill_everything()
    visitor.reads("cat.png", re.compile(r"cannot be reached|is starting"))
    system.start()
    visitor.sees("cat.png", "completed")
    assert len(visitor.job_ids()) == 1
    expect(visitor.card("cat.png").get_by_role("button", name="Fetch result")).to_be_visible(timeout=PATIENCE_MS)
