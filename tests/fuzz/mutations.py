"""Changes bytes in the ways that find mistakes in decoders: bits, borders, lengths, pieces moved or said twice."""

from __future__ import annotations

from random import Random

_BORDERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, 1 << 63)
_WIDTHS = (1, 2, 4, 8)


def mutated(data: bytes, random: Random, words: tuple[bytes, ...] = ()) -> bytes:
    """Return `data` with one to six changes; `words` are pieces that mean something to the decoder."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        _change(changed, random, words)
    return bytes(changed)


def _change(data: bytearray, random: Random, words: tuple[bytes, ...]) -> None:
    at = random.randrange(len(data) + 1)
    kind = random.randrange(8)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << random.randrange(8)
    elif kind == 1 and data:
        data[at % len(data)] = random.randrange(256)
    elif kind == 2:
        width = random.choice(_WIDTHS)
        data[at : at + width] = (random.choice(_BORDERS) % (1 << 8 * width)).to_bytes(width, "big")
    elif kind == 3:
        del data[at : at + random.choice((1, 2, 8, 64, len(data)))]
    elif kind == 4:
        data[at:at] = random.randbytes(random.choice((1, 2, 7, 40)))
    elif kind == 5:
        start = random.randrange(len(data) + 1)
        data[at:at] = data[start : start + random.choice((4, 16, 48, 200))]
    elif kind == 6 and words:
        word = random.choice(words)
        data[at : at + random.choice((0, len(word)))] = word
    else:
        end = at + random.choice((4, 16, 100))
        data[at:end] = bytes([random.choice((0, 255, 1))]) * len(data[at:end])
