"""The pictures of docs/fidelity.md: what goes in, and what comes out, side by side.

    python examples/what_is_kept.py [--model realesr-animevideov3] [--into docs/images]

Every picture is drawn here, goes through the same decoder, model and encoder as an upload, and is written with the
names of its parts above it.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFont

from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.model import Model, load_model
from upscaler.pictures.decoding import decode
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Picture
from upscaler.pictures.png import PngWriter
from upscaler.weights import WeightsStore, default_cache_dir

Enlarge = Callable[[Picture, int], Picture]
INK, PAPER, GAP, LABEL = (40, 44, 52), (255, 255, 255), 12, 22
SHOWN = 160
"""Side of each part, in pixels."""


def enlarger(engine: Engine, model: Model) -> Enlarge:
    def enlarge(picture: Picture, scale: int = 4) -> Picture:
        works = [engine.submit(model, layer) for layer in picture.layers()]
        return picture.enlarged([work.result.result() for work in works], scale)

    return enlarge


def read(image: Image.Image, name: str = "PNG", **options: object) -> Picture:
    file = io.BytesIO()
    image.save(file, name, **options)
    return decode(file)


def written(picture: Picture, target: str) -> Image.Image:
    file = io.BytesIO()
    encode(picture, file, target)  # type: ignore[arg-type]
    return Image.open(file)


def side_by_side(parts: dict[str, Image.Image], shown: int = SHOWN) -> Image.Image:
    """The parts in a row, with their names above."""
    width = len(parts) * (shown + GAP) + GAP
    sheet = Image.new("RGB", (width, LABEL + shown + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for n, (name, part) in enumerate(parts.items()):
        left = GAP + n * (shown + GAP)
        draw.text((left, 4), name, INK, font)
        sheet.paste(part.convert("RGB").resize((shown, shown), Image.Resampling.LANCZOS), (left, LABEL))
    return sheet


def scene(side: int = 80) -> Image.Image:
    """A hill, a sun and the letter F, which shows how it is turned."""
    fine = Image.linear_gradient("L").resize((side * 4, side * 4))
    sky = Image.merge(
        "RGB",
        (fine.point(lambda v: 90 + v // 3), fine.point(lambda v: 150 + v // 4), fine.point(lambda v: 230 - v // 8)),
    )
    draw = ImageDraw.Draw(sky)
    draw.ellipse((20, 20, 100, 100), fill=(255, 214, 90))
    draw.polygon([(0, 320), (0, 230), (140, 160), (320, 260), (320, 320)], fill=(60, 130, 80))
    draw.text((190, 20), "F", (180, 30, 40), ImageFont.load_default(110))
    return sky.resize((side, side), Image.Resampling.BOX)


def orientation(enlarge: Enlarge) -> Image.Image:
    """As cameras store it, each with its number, and as it comes out."""
    turns = Image.Transpose
    undone = (
        None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM, turns.TRANSPOSE,
        turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270,
    )  # fmt: skip
    stored, results = {}, {}
    for number, turn in enumerate(undone, 1):
        exif = Image.Exif()
        exif[0x0112] = number
        stored[f"stored, {number}"] = image = scene() if turn is None else scene().transpose(turn)
        results[f"result, {number}"] = Image.fromarray(enlarge(read(image, exif=exif), 2).pixels)
    rows = [side_by_side(parts, SHOWN // 2) for parts in (stored, results)]
    sheet = Image.new("RGB", (rows[0].width, 2 * rows[0].height))
    for n, row in enumerate(rows):
        sheet.paste(row, (0, n * row.height))
    return sheet


def transparency(enlarge: Enlarge) -> Image.Image:
    """A sprite with green hidden under its transparent parts."""
    fine = Image.new("L", (512, 512))
    ImageDraw.Draw(fine).regular_polygon((256, 270, 200), 5, fill=255)
    alpha = fine.resize((64, 64), Image.Resampling.BOX)
    sprite = Image.new("RGB", (64, 64), (225, 120, 40))
    sprite.paste((0, 255, 0), mask=alpha.point(lambda v: 255 * (v == 0)))
    sprite.putalpha(alpha)
    source = read(sprite)
    naive = replace(source, alpha=None)
    careless = Image.fromarray(enlarge(naive, 4).pixels)
    careless.putalpha(alpha.resize(careless.size, Image.Resampling.LANCZOS))
    kept = written(enlarge(source, 4), "png")
    parts = {"hidden colours": Image.fromarray(source.pixels)}
    for ground in ("white", "black"):
        for name, image in (("careless, on", careless), ("result, on", kept)):
            paper = Image.new("RGB", image.size, ground)
            paper.paste(image, mask=image.getchannel("A"))
            parts[f"{name} {ground}"] = paper.crop((20, 20, 150, 150))
    return side_by_side(parts)


def depth(enlarge: Enlarge) -> Image.Image:
    """A dark ramp whose contrast is raised sixteen times afterwards, as editing does."""
    y, x = np.mgrid[:64, :64]
    ramp = (2000 + 24 * x + 8 * y).astype(np.uint16)
    file = io.BytesIO()
    writer = PngWriter(file, 64, 64, 1, bit_depth=16)
    writer.write(ramp[..., None])
    writer.close()
    deep = enlarge(decode(file), 4)
    flat = enlarge(read(Image.fromarray((ramp / 257).round().astype(np.uint8))), 4)

    def raised(values: np.ndarray, top: float) -> Image.Image:
        lifted = (values / top - 0.03) * 16 * 255 / 0.75
        return Image.fromarray(lifted.clip(0, 255).astype(np.uint8)).resize((SHOWN, SHOWN), Image.Resampling.NEAREST)

    return side_by_side(
        {"from 8 bits": raised(flat.pixels[..., 0], 255), "from 16 bits": raised(deep.pixels[..., 0], 65_535)}
    )


def profile(enlarge: Enlarge) -> Image.Image:
    """Numbers in a wide colour space, shown with the profile that they came with and without it."""
    wide = ImageCms.ImageCmsProfile(io.BytesIO(_wide_profile()))
    result = written(enlarge(read(scene(), "PNG", icc_profile=wide.tobytes()), 2), "png")
    kept = ImageCms.ImageCmsProfile(io.BytesIO(result.info["icc_profile"]))
    srgb = ImageCms.createProfile("sRGB")
    shown = {
        name: ImageCms.profileToProfile(image.convert("RGB"), kept, srgb)
        for name, image in (("sent", scene()), ("result", result))
    }
    return side_by_side(
        {"sent, as shown": shown["sent"], "result, as shown": shown["result"], "profile dropped": result}
    )


def _wide_profile() -> bytes:
    """Adobe RGB's primaries, as a PNG would tell of them."""
    from upscaler.pictures.colour import profile_for

    numbers = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
    chunks = ((b"gAMA", (45_455).to_bytes(4, "big")), (b"cHRM", b"".join(n.to_bytes(4, "big") for n in numbers)))
    return profile_for(chunks, is_gray=False) or b""


def subsampling(enlarge: Enlarge) -> Image.Image:
    """Fine red on blue, in JPEGs with and without all of their colour."""
    text = Image.new("RGB", (40, 40), (20, 40, 160))
    draw = ImageDraw.Draw(text)
    for n in range(5):
        draw.line((4, 6 + 7 * n, 35, 4 + 7 * n), (230, 30, 30))
    result = enlarge(read(text), 2)
    half = io.BytesIO()
    Image.fromarray(result.pixels).save(half, "JPEG", quality=95, subsampling="4:2:0")
    return side_by_side(
        {"PNG": Image.fromarray(result.pixels), "JPEG, 4:2:0": Image.open(half), "JPEG, ours": written(result, "jpeg")}
    )


PAGES = {page.__name__: page for page in (orientation, transparency, depth, profile, subsampling)}


def main() -> None:
    """Read the command line, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="realesr-animevideov3")
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()
    spec = load_catalogue()[options.model]
    model = load_model(spec, WeightsStore(default_cache_dir(), {}).require(spec), select_device("cpu"))
    engine = Engine(model.device)
    engine.start()
    options.into.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        page(enlarger(engine, model)).save(options.into / f"{name}.png", optimize=True)
    engine.close()


if __name__ == "__main__":
    main()
