"""PNG files with few colours: what a screenshot needs, and no more."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

HEAD = b"\x89PNG\r\n\x1a\n"

Bytes = NDArray[np.uint8]


def pixels_of(png: bytes) -> Bytes:
    """The red, green and blue of every pixel of a PNG as Chromium writes it: 8 bits, not interlaced."""
    assert png.startswith(HEAD)
    at, data, width, height, channels = len(HEAD), b"", 0, 0, 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, interlaced) == (8, 0)
            channels = {2: 3, 6: 4}[colours]
        elif kind == b"IDAT":
            data += body
        at += length + 12
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width * channels + 1)
    return _unfiltered(lines, channels).reshape(height, width, channels)[:, :, :3]


def _unfiltered(lines: Bytes, step: int) -> Bytes:
    """The bytes that the filters of a PNG stand for."""
    made = np.zeros(
        (lines.shape[0] + 1, lines.shape[1] - 1 + step), np.int32
    )  # a line above, a pixel to the left
    for number, line in enumerate(lines, start=1):
        kind, raw, above, out = line[0], line[1:].astype(np.int32), made[number - 1], made[number]
        if kind == 0:
            out[step:] = raw
        elif kind == 2:
            out[step:] = (raw + above[step:]) & 255
        else:
            for at in range(step, len(out)):
                left, up, corner = out[at - step], above[at], above[at - step]
                guess = {1: left, 3: (left + up) // 2}.get(int(kind))
                out[at] = (raw[at - step] + (_paeth(left, up, corner) if guess is None else guess)) & 255
    return made[1:, step:].astype(np.uint8)


def _paeth(left: int, up: int, corner: int) -> int:
    away = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return (left, up, corner)[away.index(min(away))]


def indexed(colours: Bytes, which: NDArray[np.intp]) -> bytes:
    """A PNG of pixels that are each one of at most 256 colours."""
    height, width = which.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = which
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return HEAD + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
