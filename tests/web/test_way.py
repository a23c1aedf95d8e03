"""The whole way of a picture, as somebody goes it who is new here."""

from __future__ import annotations

import hashlib
import io
import re

import httpx
from PIL import Image
from playwright.sync_api import expect

from tests.pictures import encoded, picture, png
from tests.system import BEST, FAST
from tests.web.visitor import PATIENCE_MS

JPEG = encoded(picture(7, 120, 90), "JPEG", quality=85)


def test_a_picture_is_dropped_upscaled_compared_and_saved(visitor, system):
    visitor.meets_service().drops({"a harbour.jpg": JPEG})
    visitor.sees("a harbour.jpg", "ready")
    facts = visitor.card("a harbour.jpg").locator("[data-part=facts]")
    expect(facts).to_contain_text("120 × 90 → 480 × 360")
    visitor.page.get_by_role("radio", name="3×").check()
    expect(facts).to_contain_text("120 × 90 → 360 × 270")
    visitor.starts()
    visitor.sees("a harbour.jpg", "completed")
    visitor.reads("a harbour.jpg", re.compile(r"The service keeps the result for 1[45]:\d\d"))

    (job_id,) = visitor.job_ids()
    status = httpx.get(f"{system.url}/api/v1/status/{job_id}").json()
    visitor.fetched("a harbour.jpg")
    assert httpx.get(f"{system.url}/api/v1/status/{job_id}").json()["result"] == "deleted"
    visitor.reads("a harbour.jpg", "Not saved yet.")
    expect(visitor.page.get_by_role("slider", name="Divider between before and after")).to_be_visible()
    for image in ("before", "after"):
        shown = visitor.card("a harbour.jpg").locator(f"[data-part={image}]")
        expect(shown).to_have_js_property("complete", True)
        assert shown.evaluate("(image) => image.naturalWidth") == {"before": 120, "after": 360}[image]

    name, data = visitor.saved("a harbour.jpg")
    assert (name, hashlib.sha256(data).hexdigest()) == ("a harbour_x3.jpg", status["sha256"])
    assert Image.open(io.BytesIO(data)).size == (360, 270)
    visitor.reads("a harbour.jpg", "Saved.")
    visitor.can_all_use_it()


def test_a_picture_is_pasted_and_its_result_has_the_format_that_was_chosen(visitor):
    visitor.meets_service().pastes({"image.png": png(3)})
    visitor.page.get_by_label("Format of the result").select_option("webp")
    visitor.page.get_by_text("More", exact=True).click()
    visitor.page.get_by_label("Quality of a JPEG or WEBP").fill("80")
    visitor.starts()
    visitor.fetched("pasted-1.png")
    name, data = visitor.saved("pasted-1.png")
    assert (name, Image.open(io.BytesIO(data)).format) == ("pasted-1_x4.webp", "WEBP")


def test_several_pictures_go_side_by_side_each_on_its_own(visitor):
    pictures = {f"{number}.png": png(number, 60, 50) for number in range(5)} | {"note.txt": b"just text"}
    visitor.meets_service().chooses(pictures)
    visitor.sees("note.txt", "failed")
    visitor.reads("note.txt", "This is not a PNG, JPEG or WEBP picture.")
    expect(visitor.page.locator("#start")).to_have_text("Upscale 5 pictures")
    visitor.starts()
    for number in range(5):
        visitor.sees(f"{number}.png", "completed")
    visitor.page.get_by_role("button", name="Fetch all results").click()
    for number in range(5):
        visitor.sees(f"{number}.png", "held")
    assert len(visitor.job_ids()) == 5
    visitor.does("3.png", "save")
    visitor.does("3.png", "remove")
    expect(visitor.card("3.png")).to_have_count(0)


def test_running_jobs_show_their_place_and_progress_and_can_be_cancelled(visitor, system):
    names = [f"{number}.png" for number in range(4)]
    visitor.meets_service().chooses({name: png(number, 500, 500) for number, name in enumerate(names)})
    visitor.page.get_by_label("Model", exact=True).select_option(BEST)
    visitor.starts()
    for state in (r"Upscaling, [1-9]\d* %, about .+ left", r"(Next|Number \d) in the queue, about .+ left"):
        line = visitor.page.locator("[data-part=line]").filter(has_text=re.compile(state))
        expect(line.first).to_be_visible(timeout=PATIENCE_MS)
    assert visitor.card("0.png").get_by_role("progressbar", name="Progress: 0.png").is_visible()
    assert visitor.num_streams > 0
    visitor.can_all_use_it()
    for name in names:
        visitor.does(name, "cancel")
        visitor.sees(name, "ready")
        visitor.reads(name, "Cancelled.")
    for job_id in visitor.job_ids():
        status = httpx.get(f"{system.url}/api/v1/status/{job_id}", params={"wait": 30}, timeout=40).json()
        assert status["error_code"] == "cancelled"


def test_a_slow_model_warns_and_offers_a_fast_one(visitor, system):
    visitor.meets_service().chooses({"big.png": png(1, 1600, 1600)})
    visitor.page.get_by_label("Model", exact=True).select_option(BEST)
    visitor.starts()
    offer = visitor.card("big.png").locator("[data-part=offer]")
    expect(offer).to_contain_text(f"{FAST} is about 29 times as fast", timeout=PATIENCE_MS)
    expect(offer).to_contain_text(re.compile(r"This takes about \d+ (min|h .*) here"))
    (slow,) = visitor.job_ids()
    visitor.page.get_by_role("button", name="Use the fast model: big.png").click()
    visitor.reads("big.png", re.compile(r"Upscaling|Next in the queue"))
    expect(visitor.card("big.png").locator("[data-part=facts]")).to_contain_text(FAST)
    assert httpx.get(f"{system.url}/api/v1/status/{slow}").json()["error_code"] == "cancelled"
    assert httpx.get(f"{system.url}/api/v1/status/{visitor.job_ids()[-1]}").json()["model"] == FAST
    visitor.does("big.png", "cancel")
    visitor.sees("big.png", "ready")


def test_leaving_with_an_unsaved_result_is_asked_about(visitor):
    asked = []
    visitor.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    visitor.meets_service().chooses({"cat.png": png(4)})
    visitor.starts()
    visitor.fetched("cat.png")
    visitor.does("cat.png", "remove")
    question = visitor.page.get_by_role("dialog", name="Remove it?")
    expect(question).to_contain_text("The result of cat.png has not been saved.")
    visitor.can_all_use_it()
    question.get_by_role("button", name="Keep it").click()
    visitor.sees("cat.png", "held")
    visitor.page.reload()
    assert asked == ["beforeunload"]
    visitor.meets_service().chooses({"cat.png": png(4)})
    visitor.starts()
    visitor.fetched("cat.png")
    visitor.does("cat.png", "save")
    visitor.page.reload()
    assert asked == ["beforeunload"]
