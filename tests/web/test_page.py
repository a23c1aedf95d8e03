"""The page before anything has happened: what it is made of, how it looks, and who can use it."""

from __future__ import annotations

import hashlib

import pytest
from playwright.sync_api import expect

from tests.web.visitor import DESK, PHONE, Visitor

LENGTHS = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70_001]

DIGEST = """async ([length, step]) => {
  const { Sha256 } = await import("./web/sha256.js");
  const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + 3) % 256);
  const digest = new Sha256();
  for (let at = 0; at < length; at += step) digest.update(bytes.subarray(at, at + step));
  return digest.hex();
}"""


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_everybody_can_use_it(browser, ingress, viewport):
    with Visitor(browser, ingress.url, viewport) as visitor:
        visitor.meets_service()
        visitor.page.get_by_text("More", exact=True).click()
        visitor.page.get_by_role("button", name="Use an API key").click()
        visitor.can_all_use_it()
        width = visitor.page.evaluate("() => document.documentElement.scrollWidth")
        assert width == viewport["width"]  # nothing is beside the screen


def test_all_of_it_is_reached_by_the_tab_key_in_the_order_of_the_page(browser, ingress):
    with Visitor(browser, ingress.url) as visitor:
        visitor.meets_service().chooses({"note.txt": b"just text"})
        visitor.page.get_by_role("link", name="API", exact=True).focus()
        reached = []
        for _ in range(8):
            visitor.page.keyboard.press("Tab")
            reached.append(
                visitor.page.evaluate(
                    "() => (document.activeElement.labels?.[0] ?? document.activeElement)"
                    ".textContent.trim().split('\\n')[0]"
                )
            )
        assert reached[:6] == ["Choose pictures", "4×", "Model", "Format of the result", "More", "Remove"]
        assert reached[6:] == ["Use an API key", "Real-ESRGAN"]


def test_the_keyboard_alone_chooses_a_scale(browser, ingress):
    with Visitor(browser, ingress.url) as visitor:
        visitor.meets_service().page.get_by_role("radio", name="4×").press("ArrowLeft")
        expect(visitor.page.get_by_role("radio", name="3×")).to_be_checked()


def test_a_removed_card_leaves_the_focus_at_a_place_of_use(browser, ingress):
    with Visitor(browser, ingress.url) as visitor:
        visitor.meets_service().chooses({"a.txt": b"a", "b.txt": b"b"})
        visitor.card("a.txt").get_by_role("button", name="Remove").press("Enter")
        expect(visitor.card("b.txt")).to_be_focused()
        visitor.card("b.txt").get_by_role("button", name="Remove").press("Enter")
        expect(visitor.page.locator("#files")).to_be_focused()


@pytest.mark.parametrize("step", [1, 64, 1000])
def test_a_digest_is_that_of_every_other_program(browser, ingress, step):
    with Visitor(browser, ingress.url) as visitor:
        for length in LENGTHS:
            wanted = hashlib.sha256(bytes((at * 7 + 3) % 256 for at in range(length))).hexdigest()
            assert visitor.page.evaluate(DIGEST, [length, step]) == wanted
