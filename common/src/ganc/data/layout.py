"""How an exported model takes and gives images: floats in [-1, 1], or bytes with the conversions inside the model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ganc.data.images import to_float, to_uint8


@dataclass(frozen=True)
class ImageFormat:
    """The type and the order of a model's input and output.

    Attributes:
        dtype: "float32", values in [-1, 1], or "uint8", values from 0 to 255.
        layout: "NCHW" or "NHWC".
    """

    dtype: str
    layout: str

    @property
    def bytes(self) -> bool:
        return self.dtype == "uint8"

    @property
    def channels_last(self) -> bool:
        return self.layout == "NHWC"

    def shape(self, channels: int) -> list[int | str]:
        """Return the shape of the input, with its open sizes as strings."""
        return ["n", "height", "width", channels] if self.channels_last else ["n", channels, "height", "width"]

    def feed(self, images: np.ndarray) -> np.ndarray:
        """Return float32 images (n, c, h, w) in [-1, 1] as the model takes them."""
        if not self.bytes:
            return images
        images = to_uint8(images)
        return images if self.channels_last else np.ascontiguousarray(np.moveaxis(images, -1, 1))

    def images(self, result: np.ndarray) -> np.ndarray:
        """Return what the model gave as float32 images (n, c, h, w) in [-1, 1]."""
        if not self.bytes:
            return result
        images = result if self.channels_last else np.moveaxis(result, 1, -1)
        return np.stack([to_float(image) for image in images])

    def describe(self) -> dict:
        """Return what a model card says of the input; the output is alike."""
        return {"layout": self.layout, "dtype": self.dtype, "range": [0, 255] if self.bytes else [-1, 1]}


FLOATS = ImageFormat("float32", "NCHW")
IMAGE_FORMATS = {
    "float32": FLOATS,
    "uint8": ImageFormat("uint8", "NHWC"),
    "uint8-nhwc": ImageFormat("uint8", "NHWC"),
    "uint8-nchw": ImageFormat("uint8", "NCHW"),
}


def image_format(described: Mapping) -> ImageFormat:
    """Return the format that a model card describes. Raises KeyError for a member that is missing."""
    return ImageFormat(described["dtype"], described["layout"])
