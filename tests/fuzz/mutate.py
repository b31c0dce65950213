"""Mutations of valid content: of bytes, of numbers in text, of JSON data, of archives' headers."""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

Mutation = Callable[[bytes, random.Random], bytes]

INTEGERS = (0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1)
INTEGERS += (2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))
NUMBERS = ("0", "-1", "1", "00", "1e999", "-1e999", "NaN", "Infinity", "1e-400", "0.5", "9" * 30)
NUMBERS += ("9" * 5000, "4294967296", "9223372036854775808", "0x10", "1_0", "٣", "²")
TEXTS = ("", " ", "\0", "../../escaped", "/tmp/escaped", "C:/x", "a\nb", "\x1b[31m", "é" * 300)
TEXTS += ("𝔘" * 100, "\ud800", "\u202e", "x" * 100_000, "=cmd()", "{0}", "%s%n", "null", ".", "..")
TEXTS += ("https://127.0.0.1:9/x", "file:///etc/passwd", "s3://bucket/x", "a" * 254, "-", "--out")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def deep(levels: int) -> Any:
    """Lists inside one another."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def values() -> list[Any]:
    """What a reader of JSON does not expect."""
    return [
        *(None, True, False, [], {}, [[]], [{}], {"": {}}, [None], 0.5, 1e308, -0.0, deep(60)),
        *INTEGERS,
        *TEXTS,
        10**400,
        float("nan"),
        float("inf"),
        ["a"] * 70_000,
    ]


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """One to three changes that know nothing of the format."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(_BYTES)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[_place(content, rng)] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
    return bytes(changed)


def _place(content: bytes, rng: random.Random) -> int:
    """Headers lie at the beginning or the end, so most changes are there."""
    near = min(len(content), rng.choice((16, 64, 512, 4096, len(content))))
    return rng.randrange(near) if rng.random() < 0.7 else len(content) - 1 - rng.randrange(near)


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _extend(content: bytes, rng: random.Random) -> bytes:
    return content + rng.choice((b"\0", b"\xff", b"PK\x05\x06", content[:64])) * rng.randrange(600)


def _integer(content: bytes, rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    if len(content) < size:
        return content
    start = min(_place(content, rng), len(content) - size)
    number = rng.choice((*INTEGERS, len(content))) % 256**size
    return (
        content[:start]
        + number.to_bytes(size, rng.choice(("little", "big")))
        + (content[start + size :])
    )


def _cut(content: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(content) + 1), rng.choice((1, 4, 16, 512, 5000))
    return content[:start] + content[start + size :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(content) + 1), rng.choice((1, 8, 64, 512, 4096))
    part = content[start : start + size] * rng.choice((1, 2, 50))
    place = rng.randrange(len(content) + 1)
    return content[:place] + part + content[place:]


def _decimal(content: bytes, rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content[:200_000]))
    if not found:
        return _flip(content, rng)
    one = rng.choice(found)
    return content[: one.start()] + rng.choice(NUMBERS).encode() + content[one.end() :]


_BYTES = (_flip, _flip, _truncate, _extend, _integer, _integer, _cut, _repeat, _decimal)


def mutate_text(content: bytes, rng: random.Random) -> bytes:
    """Changes of a text: another text in the place of a word, lines moved, odd characters."""
    if rng.random() < 0.4:
        return mutate_bytes(content, rng)
    words = list(re.finditer(rb"[\w./-]+", content[:200_000]))
    if not words:
        return mutate_bytes(content, rng)
    one = rng.choice(words)
    new = rng.choice((*TEXTS, *NUMBERS, "[" * 5000, "{a: " * 200, "&a [*a]", "!!python/name:os"))
    return content[: one.start()] + new.encode("utf-8", "surrogatepass") + content[one.end() :]


def mutate_data(data: Any, rng: random.Random) -> Any:
    """Plain data with one to three values, keys or lengths changed; the data is not copied."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = _changed(data, rng)
    return data


def _changed(data: Any, rng: random.Random) -> Any:
    """The change lies at a random depth: half of the way down at each level."""
    if isinstance(data, dict) and data:
        key = rng.choice(list(data))
        if rng.random() < 0.75:
            data[key] = _changed(data[key], rng)
        elif rng.random() < 0.5:
            del data[key]
        else:
            data[rng.choice(TEXTS)] = data.pop(key)
        return data
    if isinstance(data, list) and data:
        index = rng.randrange(len(data))
        if rng.random() < 0.75:
            data[index] = _changed(data[index], rng)
        elif rng.random() < 0.5:
            del data[index]
        else:
            data.insert(index, data[index])
        return data
    if isinstance(data, str) and data[:1] in ("{", "[") and rng.random() < 0.8:
        try:
            return json.dumps(_changed(json.loads(data), rng))
        except ValueError:
            pass
    if isinstance(data, int) and not isinstance(data, bool) and rng.random() < 0.4:
        return data + rng.choice((-1, 1, 2, 1000))
    return rng.choice(values())


def to_json(data: Any) -> bytes:
    """Also what is no JSON: NaN, and text that is no UTF-8."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """A JSON document with other values; now and then with other bytes."""
    if rng.random() < 0.2:
        return mutate_text(content, rng)
    if rng.random() < 0.02:
        return rng.choice((b"[", b'{"a":')) * 200_000
    try:
        return to_json(mutate_data(json.loads(content), rng))
    except (ValueError, RecursionError):
        return mutate_bytes(content, rng)


def mutate_json_lines(content: bytes, rng: random.Random) -> bytes:
    """JSON Lines with one line changed, doubled, lost or moved."""
    lines = content.split(b"\n")
    index = rng.randrange(len(lines))
    way = rng.random()
    if way < 0.7:
        lines[index] = mutate_json(lines[index], rng)
    elif way < 0.8:
        del lines[index]
    elif way < 0.9:
        lines.insert(index, lines[index])
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


def mutate_zip(content: bytes, rng: random.Random) -> bytes:
    """A zip with fields of its headers changed, or other bytes."""
    marks = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
    places = [one.start() for mark in marks for one in re.finditer(re.escape(mark), content)]
    if not places or rng.random() < 0.4:
        return mutate_bytes(content, rng)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2))):
        start = rng.choice(places) + 4 + 2 * rng.randrange(22)
        size = rng.choice((2, 4))
        if start + size <= len(changed):
            number = rng.choice(INTEGERS) % 256**size
            changed[start : start + size] = number.to_bytes(size, "little")
    return bytes(changed)


def mutate_tar(content: bytes, rng: random.Random) -> bytes:
    """A tar with a header changed whose checksum is right again, or other bytes."""
    blocks = [
        at for at in range(0, len(content) - 511, 512) if content[at + 257 : at + 262] == b"ustar"
    ]
    if not blocks or rng.random() < 0.4:
        return mutate_bytes(content, rng)
    header, at = None, rng.choice(blocks)
    header = bytearray(content[at : at + 512])
    field, size = rng.choice(
        ((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (345, 155))
    )
    new = rng.choice(
        (
            b"../../escaped.jpg", b"/tmp/escaped.jpg", b"\xff" * size, b"\0" * size, b"7" * size,
            b"\x80" + b"\0" * (size - 2) + b"\x7f", b"\xff" + b"\xff" * (size - 1), b"-1",
            rng.choice(b"0123456789ABCDEFGIKLMNSVXgx").to_bytes(1, "little"), b"a/b/" * 25,
        )
    )  # fmt: skip
    header[field : field + size] = new[:size].ljust(size, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:at] + bytes(header) + content[at + 512 :]


def mutate_png(content: bytes, rng: random.Random) -> bytes:
    """A PNG with a chunk changed, added, doubled or lost; checksums are right again."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks or rng.random() < 0.3:
        return mutate_bytes(content, rng)
    index, way = rng.randrange(len(chunks)), rng.random()
    kind, body = chunks[index]
    if way < 0.6:
        chunks[index] = kind, mutate_bytes(body, rng)
    elif way < 0.8:
        new = rng.choice((b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"acTL", b"PLTE"))
        bomb = zlib.compress(bytes(rng.choice((10, 1 << 20, 80 << 20))), 1)
        body = rng.choice((b"a\0\0", b"XML:com.adobe.xmp\0\1\0\0\0", b"Exif\0\0")) + bomb
        chunks.insert(max(1, index), (new, body))
    elif way < 0.9:
        chunks.insert(index, chunks[index])
    else:
        del chunks[index]
    parts = [content[:8]]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body]
        parts.append(struct.pack(">I", zlib.crc32(kind + body)))
    return b"".join(parts)


_HEADERS = ("host: a", "content-length: 5", "transfer-encoding: chunked", "connection: upgrade")
_HEADERS += ("upgrade: h2c", "origin: http://evil", "content-type: application/json", "cookie: ;=")
_HEADERS += (
    "expect: 100-continue",
    "range: bytes=0-",
    "x-request-id: a b\x1b",
    "accept-language: é",
)
_HEADERS += ("content-encoding: gzip", "x: " + "y" * 20_000, ": empty", " folded", "x\0: y")


def mutate_request(content: bytes, rng: random.Random) -> bytes:
    """An HTTP request with another line, header, part of its target or body, or other bytes."""
    if rng.random() < 0.2:
        return mutate_bytes(content, rng)
    head, _, body = content.partition(b"\r\n\r\n")
    lines, way = head.split(b"\r\n"), rng.random()
    if way < 0.35:
        lines[0] = _mutate_target(lines[0], rng)
    elif way < 0.45:
        index = rng.randrange(len(lines))
        lines[index] = mutate_text(lines[index], rng)
    elif way < 0.6:
        new = rng.choice((*_HEADERS, *(line.decode("latin-1") for line in lines[1:])))
        lines.insert(rng.randrange(1, len(lines) + 1), new.encode())
    elif way < 0.65:
        del lines[rng.randrange(len(lines))]
    elif body:
        body = mutate_json(body, rng) if body[:1] == b"{" else mutate_bytes(body, rng)
        lines = [line for line in lines if not line.startswith(b"content-length")]
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _mutate_target(line: bytes, rng: random.Random) -> bytes:
    """A part of the path or of the query as another text, encoded or not; or another method."""
    method, _, rest = line.decode("latin-1").partition(" ")
    parts = re.split(r"([/?&= ])", rest)
    index = rng.randrange(len(parts))
    new = rng.choice((*TEXTS, *NUMBERS, "%00", "%ff", "%2e%2e%2f", "a" * 9000, "//", "*"))
    parts[index] = quote(new, errors="surrogatepass") if rng.random() < 0.6 else new
    if rng.random() < 0.1:
        method = rng.choice(
            ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "get", "")
        )
    return f"{method} {''.join(parts)}".encode("utf-8", "surrogatepass")
