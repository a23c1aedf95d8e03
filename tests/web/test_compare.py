"""Before and after: the divider and the lens, by keyboard, mouse and finger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.pictures import png
from tests.web.visitor import PHONE, Visitor

NAME = "cat.png"


@pytest.fixture(scope="module")
def compared(browser, system) -> Iterator[Visitor]:
    """Somebody with a result in the tab."""
    with Visitor(browser, system.url) as visitor:
        visitor.meets_service().chooses({NAME: png(1, 300, 200)})
        visitor.starts()
        visitor.fetched(NAME)
        yield visitor


def part(visitor: Visitor, name: str) -> Locator:
    return visitor.card(NAME).locator(f"[data-part={name}]")


def share(visitor: Visitor) -> float:
    """Where the divider is, in hundredths of the width."""
    stage, handle = part(visitor, "stage").bounding_box(), visitor.card(NAME).locator(".handle").bounding_box()
    return 100 * (handle["x"] + handle["width"] / 2 - stage["x"]) / stage["width"]


def test_the_divider_moves_by_keys(compared):
    divider = part(compared, "divider")
    divider.focus()
    assert share(compared) == pytest.approx(50, abs=0.5)
    compared.page.keyboard.press("End")
    assert share(compared) == pytest.approx(100, abs=0.5)
    expect(divider).to_have_attribute("aria-valuetext", "100 % of the width shows the picture before")
    compared.page.keyboard.press("Home")
    for _ in range(10):
        compared.page.keyboard.press("ArrowRight")
    assert share(compared) == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("goal", [0.02, 0.3, 0.97])
def test_the_divider_is_where_the_mouse_has_drawn_it(compared, goal):
    stage = part(compared, "stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    handle = compared.card(NAME).locator(".handle").bounding_box()
    compared.page.mouse.move(handle["x"] + 1, box["y"] + box["height"] / 2)
    compared.page.mouse.down()
    compared.page.mouse.move(box["x"] + goal * box["width"], box["y"] + box["height"] / 2, steps=5)
    compared.page.mouse.up()
    assert share(compared) == pytest.approx(100 * goal, abs=1)


def test_the_lens_shows_both_at_100_percent_and_moves_by_keys(compared):
    switch = compared.page.get_by_role("checkbox", name="Lens at 100 %")
    switch.focus()
    compared.page.keyboard.press("Space")
    for name in ("lens-before", "lens-after"):
        box = part(compared, name).bounding_box()
        assert (box["width"], box["height"]) == (1200, 800)
    across = compared.page.get_by_role("slider", name="Across: place of the lens")
    places = []
    for key in ("Home", "End"):
        across.press(key)
        pane = part(compared, "lens-after").locator("..").bounding_box()
        places.append(part(compared, "lens-after").bounding_box()["x"] - pane["x"])
    assert places[0] == pytest.approx(0, abs=1)
    assert places[1] == pytest.approx(pane["width"] - 1200, abs=1)
    compared.can_all_use_it()
    switch.uncheck()


def test_the_lens_follows_the_mouse_and_does_not_hide_what_it_shows(compared):
    switch = compared.page.get_by_role("checkbox", name="Lens at 100 %")
    switch.check()
    stage = part(compared, "stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    before = share(compared)
    for x, y in ((0.1, 0.1), (0.9, 0.9), (0.5, 0.5)):
        compared.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        spot, lens = part(compared, "spot").bounding_box(), part(compared, "lens").bounding_box()
        assert lens["y"] >= spot["y"] + spot["height"] or lens["y"] + lens["height"] <= spot["y"]
        assert box["x"] - 1 <= lens["x"] <= box["x"] + box["width"] - lens["width"] + 1
    assert share(compared) == before
    switch.uncheck()


def test_a_finger_draws_the_divider_and_scrolls_the_page_beside_it(browser, system):
    with Visitor(browser, system.url, PHONE, has_touch=True, is_mobile=True) as phone:
        phone.meets_service().chooses({NAME: png(1, 300, 200)})
        phone.starts()
        phone.fetched(NAME)
        box = part(phone, "stage").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        part(phone, "stage").scroll_into_view_if_needed()
        box = part(phone, "stage").bounding_box()
        phone.page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
        assert share(phone) == pytest.approx(80, abs=1)
        phone.page.get_by_role("checkbox", name="Lens at 100 %").check()
        phone.page.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.9 * box["height"])
        lens = part(phone, "lens").bounding_box()
        assert lens["x"] >= box["x"] - 1
        assert lens["x"] + lens["width"] <= box["x"] + box["width"] + 1
        phone.can_all_use_it()
