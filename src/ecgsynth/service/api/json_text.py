"""Valid JSON: text without lone surrogates, and finite numbers."""

from __future__ import annotations

import math
from typing import Any


def json_safe(value: Any) -> Any:
    r"""The value with all text and numbers made valid for JSON.

    JSON, YAML, arrays and file names may contain lone surrogates, which become \udXXX, and NaN or
    infinity, which become null. The caller limits the depth of nesting.
    """
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {json_safe(name): json_safe(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(one) for one in value]
    return value
