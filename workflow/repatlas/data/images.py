"""One image file to one array of bytes, with every conversion fixed."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from repatlas.errors import DataError

MODES_8_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


def read_image(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    """The image at `path` as uint8 (C, H, W), of `size` (H, W) and with 1 or 3 channels.

    In this order: the first frame; turned as its EXIF orientation says; 16-bit values reduced to
    their upper byte; transparency laid over white; palettes and other colour models to RGB; colour
    to grey by ITU-R 601 luma, or grey to three equal channels; resized to `size` by Pillow's
    bilinear filter, which widens with the reduction (antialiasing). The aspect ratio is not kept.

    Raises:
        DataError: the file is no readable image, or its pixels have no defined conversion.
    """
    try:
        with Image.open(path) as image:
            image.load()
            flat = _opaque(_eight_bit(ImageOps.exif_transpose(image)))
            flat = flat.convert("L" if channels == 1 else "RGB")
            if flat.size != (size[1], size[0]):
                flat = flat.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(flat, dtype=np.uint8)
    except (MemoryError, DataError):
        raise
    except Exception as error:
        # Pillow's decoders raise whatever the damaged bytes lead them to.
        raise DataError(
            f"{path} cannot be read as an image ({type(error).__name__}: {error}).\n"
            "Repair or remove the file, then start again."
        ) from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _eight_bit(image: Image.Image) -> Image.Image:
    """`image` with 8 bits a channel."""
    if image.mode in MODES_8_BIT:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if values.min() >= 0 and values.max() <= 0xFFFF:
            return Image.fromarray((values >> 8).astype(np.uint8))
    raise ValueError(
        f"pixels of mode {image.mode!r} have no defined range; save it with 8 or 16 bits a channel"
    )


def _opaque(image: Image.Image) -> Image.Image:
    """`image` without transparency: over white, as on paper."""
    if not image.has_transparency_data:
        return image
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
