import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from repatlas.data.images import read_image
from repatlas.errors import DataError


def read(path, image, channels=3, size=None, **options):
    image.save(path, **options)
    height, width = image.size[::-1]
    return read_image(path, size or (height, width), channels)


def pixel(path, image, channels=3, **options):
    return read(path, image, channels, **options)[:, 0, 0].tolist()


def test_colour_stays_and_grey_becomes_three_equal_channels(tmp_path):
    path = tmp_path / "i.png"
    assert pixel(path, Image.new("RGB", (2, 2), (10, 20, 30))) == [10, 20, 30]
    assert pixel(path, Image.new("L", (2, 2), 77)) == [77, 77, 77]
    assert pixel(path, Image.new("L", (2, 2), 77), channels=1) == [77]


def test_axes_are_channel_row_column(tmp_path):
    values = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = read(tmp_path / "i.png", Image.fromarray(values))
    assert found.shape == (3, 2, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, values.transpose(2, 0, 1))


def test_colour_to_grey_is_the_itu_r_601_luma(tmp_path):
    image = Image.new("RGB", (1, 1), (200, 100, 50))
    expected = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert pixel(tmp_path / "i.png", image, channels=1) == [expected]


def test_transparency_lies_over_white(tmp_path):
    path = tmp_path / "i.png"
    assert pixel(path, Image.new("RGBA", (1, 1), (0, 0, 0, 0))) == [255, 255, 255]
    assert pixel(path, Image.new("RGBA", (1, 1), (10, 20, 30, 255))) == [10, 20, 30]
    assert pixel(path, Image.new("RGBA", (1, 1), (0, 0, 0, 51)))[0] == 204
    assert pixel(path, Image.new("LA", (1, 1), (0, 0)), channels=1) == [255]
    assert pixel(path, Image.new("LA", (1, 1), (9, 255)), channels=1) == [9]


def test_palettes(tmp_path):
    image = Image.new("P", (1, 1), 1)
    image.putpalette([0, 0, 0, 11, 22, 33])
    assert pixel(tmp_path / "i.png", image) == [11, 22, 33]
    assert pixel(tmp_path / "i.png", image, transparency=1) == [255, 255, 255]
    assert pixel(tmp_path / "i.gif", image) == [11, 22, 33]


def test_one_bit(tmp_path):
    image = Image.new("1", (2, 1), 0)
    image.putpixel((1, 0), 1)
    assert read(tmp_path / "i.png", image, 1).tolist() == [[[0, 255]]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_upper_byte(tmp_path, suffix):
    values = np.array([[0, 255, 256, 0x80FF, 0xFFFF]], dtype=np.uint16)
    found = read(tmp_path / f"i.{suffix}", Image.fromarray(values), 1)
    assert found.tolist() == [[[0, 0, 1, 0x80, 0xFF]]]


def test_sixteen_bit_colour_keeps_its_upper_byte(tmp_path):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", 0x12FF, 0x3400, 0xFFFF)
    path = tmp_path / "i.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    assert read_image(path, (1, 1), 3)[:, 0, 0].tolist() == [0x12, 0x34, 0xFF]


def test_cmyk(tmp_path):
    found = pixel(tmp_path / "i.tif", Image.new("CMYK", (1, 1), (255, 0, 0, 0)))
    assert found == [0, 255, 255]


@pytest.mark.parametrize(
    "image",
    [
        Image.new("F", (2, 2), 0.5),
        Image.fromarray(np.array([[70_000]], dtype=np.int32)),
        Image.fromarray(np.array([[-1]], dtype=np.int32)),
    ],
)
def test_pixels_without_a_defined_range_are_refused(tmp_path, image):
    with pytest.raises(DataError, match=r"i\.tif cannot be read.*no defined range"):
        read(tmp_path / "i.tif", image)


def test_exif_orientation_is_honoured(tmp_path):
    values = np.zeros((2, 4, 3), dtype=np.uint8)
    values[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    found = read(tmp_path / "i.png", Image.fromarray(values), size=(4, 2), exif=exif)
    assert found[0].tolist() == [[0, 255], [0, 0], [0, 0], [0, 0]]


def test_shrinking_averages_instead_of_picking(tmp_path):
    stripes = np.zeros((32, 32), dtype=np.uint8)
    stripes[:, ::2] = 255
    found = read(tmp_path / "i.png", Image.fromarray(stripes), 1, size=(8, 8))
    assert found.shape == (1, 8, 8)
    assert 110 <= found.min() <= found.max() <= 145


def test_size_is_height_and_width(tmp_path):
    values = np.repeat(np.array([[0], [200]], dtype=np.uint8), 6, axis=1)
    found = read(tmp_path / "i.png", Image.fromarray(values), 1, size=(4, 3))
    assert found.shape == (1, 4, 3)
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[0, 3].tolist() == [200, 200, 200]


def test_height_and_width_are_not_confused_when_they_swap(tmp_path):
    values = np.repeat(np.array([[0], [0], [200], [200]], dtype=np.uint8), 6, axis=1)
    found = read(tmp_path / "i.png", Image.fromarray(values), 1, size=(6, 4))
    assert found.shape == (1, 6, 4)


def test_the_first_frame_counts(tmp_path):
    frames = [Image.new("L", (2, 2), value) for value in (5, 250)]
    found = read(tmp_path / "i.gif", frames[0], 1, save_all=True, append_images=frames[1:])
    assert found[0, 0, 0] == 5


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("L", (50, 50)).save(tmp_path / "i.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match="DecompressionBomb"):
        read_image(tmp_path / "i.png", (8, 8), 1)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path / "none.png", (8, 8), 1)
