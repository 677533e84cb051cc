"""A full disk, as the system says it."""

from __future__ import annotations

import errno

DISK = "the disk of the server is full; free some space and ask again."


def is_full(problem: BaseException | None) -> bool:
    """Whether the problem, or one that it came from, is a full disk."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        problem = problem.__cause__
    return False
