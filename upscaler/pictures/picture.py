"""Picture: decoded pixels plus what must survive the way to the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from upscaler.errors import PictureTooLargeError
from upscaler.pictures.alpha import bled, has_structure, within_neighbours
from upscaler.pictures.chunks import Chunk
from upscaler.pictures.metadata import Metadata
from upscaler.pictures.resize import resized
from upscaler.pictures.values import Values, to_8_bit, to_colours, to_gray

Format = Literal["png", "jpeg", "webp"]

SIDE_LIMIT: dict[Format, int] = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
"""The longest side in pixels that a format can hold."""

SCALES = (2, 3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels as the viewer sees them: orientation applied, alpha apart.

    `pixels` is (H, W, 3) RGB, also for a gray picture; `alpha` (H, W) or None; both uint8, or both uint16.
    `icc_profile` describes the values in `pixels`, which are never converted for it, and so do the
    `colour_chunks` of a PNG. `metadata` is what the result is to keep, None for nothing.
    """

    pixels: Values
    alpha: Values | None
    is_gray: bool
    icc_profile: bytes | None
    format: Format
    metadata: Metadata | None = None
    colour_chunks: tuple[Chunk, ...] = ()

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def bit_depth(self) -> int:
        """8 or 16, of each channel."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def needs_two_passes(self) -> bool:
        """Whether alpha goes through the model, too."""
        return self.alpha is not None and has_structure(self.alpha)

    def layers(self) -> list[Values]:
        """What goes through the model, (H, W, 3) each: the colours, and alpha where it has structure."""
        if self.alpha is None:
            return [self.pixels]
        colours = bled(self.pixels, self.alpha)
        return [colours, to_colours(self.alpha)] if self.needs_two_passes else [colours]

    def enlarged(self, layers: Sequence[Values], scale: int) -> Picture:
        """This picture at `scale`, from what the model made of its layers, at any scale.

        Where the model's native scale is another one, antialiased Lanczos makes up the difference.
        Alpha without structure is enlarged by Lanczos alone; a constant one and a gray picture stay so.
        """
        height, width = self.height * scale, self.width * scale
        alpha = self.alpha
        if alpha is not None:
            source = to_gray(layers[1]) if len(layers) > 1 else alpha
            alpha = within_neighbours(resized(source, height, width), alpha)
        return replace(self, pixels=resized(layers[0], height, width), alpha=alpha)

    def reduced(self) -> Picture:
        """This picture in 8 bits."""
        alpha = None if self.alpha is None else to_8_bit(self.alpha)
        return replace(self, pixels=to_8_bit(self.pixels), alpha=alpha)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be, judged by its header before any decode."""

    max_input_px: int = 25_000_000
    max_output_px: int = 400_000_000
    max_side_px: int = 65_500

    def check(self, width: int, height: int, scale: int) -> None:
        """Raise PictureTooLargeError when an input of that size, or its result, is over a limit."""
        out_width, out_height = width * scale, height * scale
        if width * height > self.max_input_px:
            raise PictureTooLargeError(
                f"the image has {width}×{height} pixels, more than the {self.max_input_px} allowed",
                width=width, height=height, limit=self.max_input_px,
            )  # fmt: skip
        if out_width * out_height > self.max_output_px:
            raise PictureTooLargeError(
                f"the result would have {out_width}×{out_height} pixels, more than the {self.max_output_px} allowed",
                width=width, height=height, limit=self.max_output_px,
            )  # fmt: skip
        if max(out_width, out_height) > self.max_side_px:
            raise PictureTooLargeError(
                f"a side of the result would have {max(out_width, out_height)} pixels, "
                f"more than the {self.max_side_px} allowed",
                width=width, height=height, limit=self.max_side_px,
            )  # fmt: skip


def check_side(wanted: Format | None, width: int, height: int, scale: int) -> None:
    """Raise PictureTooLargeError when the result's format was asked for and cannot hold its sides."""
    longest = max(width, height) * scale
    if wanted is not None and longest > SIDE_LIMIT[wanted]:
        raise PictureTooLargeError(
            f"a side of the result would have {longest} pixels, more than the {SIDE_LIMIT[wanted]} of {wanted.upper()}",
            width=width, height=height, limit=SIDE_LIMIT[wanted],
        )  # fmt: skip


def result_format(wanted: Format, width: int, height: int) -> Format:
    """`wanted`, or PNG where it cannot hold a result of `width` by `height` pixels."""
    return wanted if max(width, height) <= SIDE_LIMIT[wanted] else "png"
