"""What can be answered: text that is whole characters, and numbers that JSON knows."""

from __future__ import annotations

import math
from typing import Any


def sayable(value: Any) -> Any:
    r"""The same in such parts: JSON, YAML, arrays and names of files may hold halves of characters,
    which no answer can carry, and numbers that are none. The former become \udXXX, the latter
    null; how deep it is nested is for the caller to bound."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {sayable(name): sayable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [sayable(one) for one in value]
    return value
