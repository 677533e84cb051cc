"""Code lines of `src`, without blank lines, comments and docstrings, by package.

`python -m benchmarks.code_lines [COMMIT ...]`: of HEAD when none is named. 0.1.0 is `6ae1e8c^`,
the commit before the golden file.
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


OLD_PACKAGES = {"app/service": "service", "app": "cli", "sampling": "models"}
"""Where the code of a folder is counted, so that old and new commits have the same rows."""


def package_of(name: str) -> str:
    """The row of a module of `src/ecgsynth`; all modules at the top are one."""
    parts = name.split("/")[2:]
    if len(parts) == 1:
        return "modules at the top"
    return OLD_PACKAGES.get("/".join(parts[:2]), OLD_PACKAGES.get(parts[0], parts[0]))


def count(commit: str) -> Counter[str]:
    """Package -> code lines."""
    sizes: Counter[str] = Counter()
    for name in git("ls-tree", "-r", "--name-only", commit, "src").split():
        if name.endswith(".py"):
            sizes[package_of(name)] += code_lines(git("show", f"{commit}:{name}"))
    return sizes


if __name__ == "__main__":
    commits = sys.argv[1:] or ["HEAD"]
    table = {commit: count(commit) for commit in commits}
    for name in sorted({name for sizes in table.values() for name in sizes}):
        print(f"{name:20}" + "".join(f"{sizes[name]:12,}" for sizes in table.values()))
    print(f"{'all':20}" + "".join(f"{sum(sizes.values()):12,}" for sizes in table.values()))
