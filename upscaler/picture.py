"""Picture: decoded pixels plus what must survive the way to the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upscaler.errors import PictureTooLargeError
from upscaler.metadata import Metadata

Format = Literal["png", "jpeg", "webp"]

SIDE_LIMIT: dict[Format, int] = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
"""The longest side in pixels that a format can hold."""

SCALES = (2, 3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels as the viewer sees them: orientation applied, alpha apart.

    `pixels` is (H, W, 3) uint8 RGB, also for a gray picture; `alpha` (H, W) uint8 or None.
    `icc_profile` describes the values in `pixels`, which are never converted for it. `metadata` is what
    the result is to keep, None for nothing.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    is_gray: bool
    icc_profile: bytes | None
    format: Format
    metadata: Metadata | None = None

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    def enlarged(self, pixels: NDArray[np.uint8], scale: int) -> Picture:
        """This picture at `scale`, its colours from the model's output `pixels` of any scale.

        Where the model's native scale is another one, antialiased Lanczos makes up the difference.
        Alpha is enlarged by Lanczos too; a gray picture stays gray.
        """
        size = (self.width * scale, self.height * scale)
        alpha = None if self.alpha is None else _resized(self.alpha, size)
        return replace(self, pixels=_resized(pixels, size), alpha=alpha)


def _resized(values: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (values.shape[1], values.shape[0]) == size:
        return values
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.LANCZOS))


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
