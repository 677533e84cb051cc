"""Code lines of `src`, without blank lines, comments and docstrings, by package.

`python -m benchmarks.code_lines [COMMIT ...]`: of HEAD when no commit is named.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter

BARE = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
)  # fmt: skip
"""Tokens that are no code."""


def code_lines(text: str) -> int:
    """Lines of a module on which there is code."""
    described: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        value = getattr(node, "value", None)
        text_alone = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if isinstance(node, ast.Expr) and text_alone:
            described |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in BARE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - described)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def count(commit: str) -> Counter[str]:
    """Package, or module at the top -> code lines."""
    sizes: Counter[str] = Counter()
    for name in git("ls-tree", "-r", "--name-only", commit, "src").split():
        if name.endswith(".py"):
            sizes[name.split("/")[2]] += code_lines(git("show", f"{commit}:{name}"))
    return sizes


if __name__ == "__main__":
    for commit in sys.argv[1:] or ["HEAD"]:
        sizes = count(commit)
        print(f"{commit}: {sum(sizes.values()):,}")
        print("  " + ", ".join(f"{name} {size:,}" for name, size in sizes.most_common()))
