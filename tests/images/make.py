#!/usr/bin/env python3
"""make.py: writes the pictures of this folder and expected.png, what Pillow makes of them.

usage: make.py FOLDER     (needs Pillow and numpy; made with Pillow 12.0.0; from 13 on it may stretch columns first)

expected.png: 32 columns; 32 rows for each picture, in the order in which PICTURES of tests/test_picture.c names them:
convert("RGB").resize((32, 32), BILINEAR). Of 16-bit pictures the high bytes are resized: Pillow clips grey ones.
"""
import struct, sys, zlib
import numpy as np
from PIL import Image

folder = sys.argv[1]
rng = np.random.default_rng(7)

def smooth(h, w, channels):
    """Waves and some noise, 0 to 255: what JPEG is made for, and edges."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [127 + 90 * np.sin(x / (5 + c) + c) * np.cos(y / (7 - c)) + rng.normal(0, 12, (h, w)) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

def write_png(name, rows, bits, color, interlaced=False, extra=b""):
    """A PNG by hand, for what Pillow cannot write: rows (h, w, channels), 8 or 16 bits, filter 0."""
    h, w = rows.shape[:2]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for top, left, down, right in passes:
        part = rows[top::down, left::right]
        if part.size:
            raw += b"".join(b"\0" + line.astype(">u2" if bits == 16 else "u1").tobytes() for line in part)
    with open(f"{folder}/{name}", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, color, 0, 0, interlaced)) + extra
                + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))

expected = []
def expect(image):
    expected.append(np.asarray(image.convert("RGB").resize((32, 32), Image.BILINEAR)))
def saved(name, image, **options):
    image.save(f"{folder}/{name}", **options)
    expect(Image.open(f"{folder}/{name}"))

rgb = Image.fromarray(smooth(40, 50, 3))
saved("rgb.png", rgb)
saved("grey.png", Image.fromarray(smooth(37, 45, 1)[:, :, 0]))
saved("rgba.png", Image.fromarray(smooth(41, 33, 4)))
saved("grey-alpha.png", Image.fromarray(smooth(29, 64, 2), "LA"))
palette = rgb.quantize(16)
saved("palette.png", palette)
saved("palette-alpha.png", palette, transparency=bytes(range(0, 256, 16)))
saved("bilevel.png", Image.fromarray(smooth(50, 70, 1)[:, :, 0]).convert("1"))
deep = rng.integers(0, 65536, (35, 36, 3), dtype=np.uint16)
write_png("grey16.png", deep[:, :, :1], 16, 0)
expect(Image.fromarray((deep[:, :, 0] >> 8).astype(np.uint8)))
write_png("rgb16.png", deep, 16, 2)
expect(Image.fromarray((deep >> 8).astype(np.uint8)))
write_png("interlaced.png", smooth(43, 34, 3), 8, 2, interlaced=True)
expect(Image.open(f"{folder}/interlaced.png"))
write_png("gamma.png", np.asarray(rgb), 8, 2, extra=chunk(b"gAMA", struct.pack(">I", 100000)))
expect(rgb)
saved("dot.png", Image.fromarray(np.array([[[200, 100, 50]]], np.uint8)))
saved("wide.png", Image.fromarray(smooth(3, 200, 3)))
saved("tall.png", Image.fromarray(smooth(200, 5, 3)))
saved("same.png", Image.fromarray(smooth(32, 32, 3)))
photo = Image.fromarray(smooth(70, 90, 3))
saved("baseline.jpg", photo, quality=85)
saved("progressive.jpg", photo, quality=85, progressive=True)
saved("full.jpg", photo, quality=90, subsampling=0)
saved("grey.jpg", Image.fromarray(smooth(64, 48, 1)[:, :, 0]), quality=85)
saved("cmyk.jpg", Image.fromarray(smooth(51, 62, 4), "CMYK"), quality=90)
with open(f"{folder}/cmyk.jpg", "rb") as f: # YCCK: the same bytes, but for Adobe's word on what they mean
    ycck = bytearray(f.read())
ycck[ycck.index(b"Adobe") + 11] = 2
with open(f"{folder}/ycck.jpg", "wb") as f:
    f.write(ycck)
expect(Image.open(f"{folder}/ycck.jpg"))
Image.fromarray(np.concatenate(expected)).save(f"{folder}/expected.png", optimize=True)
