"""What a submission may ask for besides its image, and what is refused."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.pictures import encoded, picture, png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio


async def submit(client, data: bytes, fields: dict[str, str]):
    return await client.post("/api/v1/upscale", files={"image": ("a.png", data)}, data=fields)


def order_of(store, answer):
    assert answer.status_code == 202, answer.text
    return store.table.find(answer.json()["job_id"]).record.order


@pytest.mark.parametrize(
    ("asked", "given"), [("png", "png"), ("jpeg", "jpeg"), ("JPEG", "jpeg"), ("jpg", "jpeg"), ("webp", "webp")]
)
async def test_the_format_that_was_asked_for(client, store, asked, given):
    assert order_of(store, await submit(client, png(1), {"format": asked})).output_format == given


async def test_left_out_it_is_the_inputs(client, store):
    order = order_of(store, await submit(client, encoded(picture(1), "JPEG"), {}))
    assert (order.output_format, order.quality) == ("jpeg", 95)


@pytest.mark.parametrize("quality", [1, 50, 100])
async def test_the_quality_that_was_asked_for(client, store, quality):
    answer = await submit(client, png(1), {"format": "webp", "quality": str(quality)})
    assert order_of(store, answer).quality == quality


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"format": "gif"}, "invalid_format"),
        ({"format": ""}, "invalid_format"),
        ({"format": ["png", "jpeg"]}, "invalid_format"),
        ({"quality": "0"}, "invalid_quality"),
        ({"quality": "101"}, "invalid_quality"),
        ({"quality": "9.5"}, "invalid_quality"),
        ({"quality": "٩٥"}, "invalid_quality"),
        ({"scale": "4.0"}, "invalid_scale"),
        ({"model": "esrgan"}, "unknown_model"),
    ],
)
async def test_what_is_not_offered_is_refused(client, fields, code):
    answer = await submit(client, png(1), fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert_is_problem(answer)


async def test_a_format_that_cannot_hold_the_result_is_refused_when_it_was_asked_for(client, store):
    wide = png(1, 5000, 2)
    answer = await submit(client, wide, {"format": "webp"})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "image_too_large", 16_383)
    assert (
        order_of(store, await submit(client, encoded(Image.new("RGB", (5000, 2)), "WEBP"), {})).output_format == "png"
    )


@pytest.mark.parametrize(
    ("fields", "flattened"), [({"format": "jpeg"}, True), ({"format": "webp"}, False), ({}, False)]
)
async def test_alpha_in_a_jpeg_is_flattened_and_the_status_says_so(client, store, fields, flattened):
    image = picture(1).convert("RGBA")
    image.putalpha(128)
    answer = await submit(client, encoded(image), fields)
    assert order_of(store, answer).flattens_alpha == (fields.get("format") == "jpeg")
    job_id = answer.json()["job_id"]
    await finish(store, job_id, b"result")
    output = (await client.get(f"/api/v1/status/{job_id}")).json()["output"]
    assert output.get("alpha") == ("flattened on white" if fields.get("format") == "jpeg" else None)
