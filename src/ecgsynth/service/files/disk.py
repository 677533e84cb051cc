"""The disk: what requests put on it for a while, and that it is full, as the system says it."""

from __future__ import annotations

import errno

from ecgsynth.errors import EcgsynthError

DISK = "the disk of the server is full; free some space and ask again."


class NoRoomError(EcgsynthError):
    """Other requests have so much on the disk that this one has to wait."""


class Held:
    """Bytes that are kept free for a request, until it ends."""

    def __init__(self, room: Room, size: int) -> None:
        self._room, self._size = room, size

    def free(self) -> None:
        """Give them back; a second time does nothing."""
        self._room.taken -= self._size
        self._size = 0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.free()


class Room:
    """The place on the disk for uploads that come in and files that are written and sent.

    Parameters
    ----------
    most: bytes of all requests in flight together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def hold(self, size: int) -> Held:
        """Keep so many bytes free for a request.

        Raises
        ------
        NoRoomError: there are not so many.
        """
        if self.taken + size > self.most:
            raise NoRoomError(
                f"requests in flight have {self.taken >> 20} MiB of the {self.most >> 20} MiB on "
                f"the disk that there are for them, and this one takes {-(-size >> 20)} MiB; ask "
                "again in a minute, or for less."
            )
        self.taken += size
        return Held(self, size)


def is_full(problem: BaseException | None) -> bool:
    """Whether the problem, or one that it came from, is a full disk."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        problem = problem.__cause__
    return False
