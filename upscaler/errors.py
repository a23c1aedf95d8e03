"""Everything the engine raises on purpose.

UpscalerError
├── PictureError              the input cannot be upscaled; trying again changes nothing
│   ├── UnsupportedFormatError
│   ├── AnimatedPictureError
│   ├── PictureTooLargeError
│   └── InvalidPictureError
├── ModelError
│   ├── CatalogueError        the catalogue cannot be read or has a mistake
│   ├── ModelNotFoundError    no such name in the catalogue, or no weights for it here
│   ├── WeightsError          the file is not what it should be
│   └── DownloadError         the release could not be fetched, or is not the published file
├── DeviceError               the device asked for is missing or computes wrongly
└── CancelledError            the owner of a pass called it off
"""

from __future__ import annotations


class UpscalerError(Exception):
    """Root of the tree. `str(error)` is a plain sentence that may be shown to a user."""


class PictureError(UpscalerError):
    """The bytes handed in cannot become a picture that we upscale."""


class UnsupportedFormatError(PictureError):
    """The bytes are not PNG, JPEG or WEBP, whatever their name says."""


class AnimatedPictureError(PictureError):
    """An animated PNG or WEBP."""


class PictureTooLargeError(PictureError):
    """Over a limit, known from the header alone.

    `width` and `height` are the sides in pixels that broke `limit`, of the input or of the output.
    """

    def __init__(self, message: str, *, width: int, height: int, limit: int) -> None:
        super().__init__(message)
        self.width, self.height, self.limit = width, height, limit


class InvalidPictureError(PictureError):
    """The header is fine but the pixels cannot be decoded."""


class ModelError(UpscalerError):
    """A model cannot be had."""


class CatalogueError(ModelError):
    """The catalogue's file cannot be read, or a row of it is not what a row must be."""


class ModelNotFoundError(ModelError):
    """The catalogue has no such model, or its weights are not on this machine."""


class WeightsError(ModelError):
    """A weights file is damaged or belongs to another architecture."""


class DownloadError(ModelError):
    """The official release could not be fetched, or its sha256 differs."""


class DeviceError(UpscalerError):
    """The device asked for is missing, or fails the self-test."""


class CancelledError(UpscalerError):
    """The pass was cancelled between two quanta."""
