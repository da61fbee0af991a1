#!/usr/bin/env python3
"""make_sample.py: makes sample.png from Fashion-MNIST; run once, its output is committed.

    python3 src/data/make_sample.py /usr/share/datasets/fashion-mnist src/data/sample.png

Rows: the first 250 training images and the first 50 test images of each of the 10 classes, kept in the order of the
source files (so classes are mixed as there, and the choice is the same on every run).

Picture, 8-bit gray, 1680 x 1402: 60 x 50 tiles of 28 x 28 pixels, row by row, the 2,500 training images first, then the
500 test images. The last two rows of pixels carry the labels: pixel i of them (row-major) is the label 0..9 of tile i;
what is left over is 255. src/data/sample.c reads it back. Needs nothing but Python's own library.
"""
import gzip
import struct
import sys
import zlib

TRAIN, TEST, CLASSES = 250, 50, 10
SIDE, COLUMNS = 28, 60


def read(folder, split):
    with gzip.open(f"{folder}/{split}-images-idx3-ubyte.gz") as f:
        images = f.read()[16:]
    with gzip.open(f"{folder}/{split}-labels-idx1-ubyte.gz") as f:
        labels = f.read()[8:]
    return images, labels


def choose(images, labels, each):
    taken, tiles = [0] * CLASSES, []
    for i, label in enumerate(labels):
        if taken[label] < each:
            taken[label] += 1
            tiles.append((label, images[i * SIDE * SIDE:(i + 1) * SIDE * SIDE]))
    return tiles


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(row, above):
    """The five PNG filters; the usual heuristic takes the smallest sum of absolute differences."""
    left, corner = bytes(1) + row[:-1], bytes(1) + above[:-1]
    candidates = [row,
                  bytes((x - a) & 255 for x, a in zip(row, left)),
                  bytes((x - b) & 255 for x, b in zip(row, above)),
                  bytes((x - (a + b) // 2) & 255 for x, a, b in zip(row, left, above)),
                  bytes((x - paeth(a, b, c)) & 255 for x, a, b, c in zip(row, left, above, corner))]
    return candidates


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main(folder, out):
    tiles = choose(*read(folder, "train"), TRAIN) + choose(*read(folder, "t10k"), TEST)
    width, bands = COLUMNS * SIDE, len(tiles) // COLUMNS
    rows = [b"".join(tiles[band * COLUMNS + k][1][y * SIDE:(y + 1) * SIDE] for k in range(COLUMNS))
            for band in range(bands) for y in range(SIDE)]
    labels = bytes(label for label, _ in tiles).ljust(2 * width, b"\xff")
    rows += [labels[:width], labels[width:]]
    above, every = bytes(width), []
    for row in rows:
        every.append(filtered(row, above))
        above = row
    streams = [b"".join(bytes([k]) + c[k] for c in every) for k in range(5)]
    cost = lambda r: sum(min(v, 256 - v) for v in r)
    streams.append(b"".join(min((bytes([k]) + r for k, r in enumerate(c)), key=lambda r: cost(r[1:])) for c in every))
    packed = []
    for stream in streams:
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            z = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
            packed.append(z.compress(stream) + z.flush())
    best = min(packed, key=len)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 0, 0, 0, 0)
    with open(out, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", best) + chunk(b"IEND", b""))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: make_sample.py FASHION_MNIST_FOLDER OUT.png")
    main(sys.argv[1], sys.argv[2])
