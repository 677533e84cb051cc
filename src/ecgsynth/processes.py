"""Distributed training: the number of processes, and each one's share of a batch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def is_main_process() -> bool:
    """Whether this process reports for its machine; the others would only repeat it."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def process_count() -> int:
    """How many processes train together, on all machines; 1 outside such a training."""
    from torch import distributed

    together = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if together else 1


def process_number() -> int:
    """Which of them this one is, from 0."""
    from torch import distributed

    return distributed.get_rank() if process_count() > 1 else 0


def local_rows(whole: Tensor) -> Tensor:
    """Rows of this process, of what was drawn for the whole batch.

    Every process draws all of it from the same random generator, so that a batch is the same
    whatever their number.
    """
    return whole.chunk(process_count())[process_number()]
