"""What a setting means: its description, its own docstring, or its entry in that of the class."""

from __future__ import annotations

import ast
import fnmatch
import inspect
import re
from textwrap import dedent

from pydantic import BaseModel


def meaning_of(kind: type[BaseModel], name: str) -> str:
    """The first that is found, of the class or of one that it derives from; "" for none."""
    if description := kind.model_fields[name].description:
        return description
    for one in kind.__mro__:
        if one is BaseModel:
            break
        known = in_the_docstring(one, set(kind.model_fields)) | behind_the_field(one)
        if name in known:
            return known[name]
    return ""


def behind_the_field(kind: type) -> dict[str, str]:
    """Field -> the string that follows it in the source."""
    (body,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def in_the_docstring(kind: type, fields: set[str]) -> dict[str, str]:
    """Field -> its entry `name: text`, or `name, other_*: text`, in the docstring of the class."""
    text = " ".join((kind.__doc__ or "").split())
    entry = re.compile(r"(?:^|(?<=[.\s]))((?:[\w*]+, )*[\w*]+): ")
    heads = [m for m in entry.finditer(text) if all(fnmatch.filter(fields, n) for n in names(m))]
    ends = [*(m.start() for m in heads), len(text)][1:]
    return {
        name: text[head.end() : end].strip()
        for head, end in zip(heads, ends, strict=True)
        for pattern in names(head)
        for name in fnmatch.filter(fields, pattern)
    }


def names(head: re.Match[str]) -> list[str]:
    return head[1].split(", ")
