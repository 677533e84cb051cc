"""The key of a kit, encoded so that it is not visible at a glance in the page's source."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from ecgsynth.errors import EcgsynthError


def encode_key(synthetic: Sequence[bool], seed: int) -> str:
    """One bit a strip as text: random bytes, then the same bytes XOR the bit."""
    truth = np.asarray(synthetic, np.uint8)
    random = np.random.default_rng([seed, *b"key"])
    pad, noise = random.integers(0, 256, (2, len(truth)), np.uint8)
    return base64.b64encode(bytes([*pad, *(pad ^ (noise & 0xFE) ^ truth)])).decode()


def decode_key(key: str) -> list[bool]:
    """Which strips are synthetic.

    Raises
    ------
    EcgsynthError: it is not a key.
    """
    try:
        content = np.frombuffer(base64.b64decode(key, validate=True), np.uint8)
        pad, folded = content.reshape(2, -1)
    except (ValueError, TypeError):
        raise EcgsynthError("the key of the page is damaged; make the kit again.") from None
    return [bool(bit) for bit in (pad ^ folded) & 1]
