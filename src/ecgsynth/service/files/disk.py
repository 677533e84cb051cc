"""Disk space of requests."""

from __future__ import annotations

from ecgsynth.errors import EcgsynthError

DISK = "the disk of the server is full; free some space and try again."


class NoRoomError(EcgsynthError):
    """Other requests use too much disk space for this one."""


class Held:
    """Disk space reserved for a request, until it ends."""

    def __init__(self, room: Room, size: int) -> None:
        self._room, self._size = room, size

    def free(self) -> None:
        """Release the space; a second call does nothing."""
        self._room.taken -= self._size
        self._size = 0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.free()


class Room:
    """The disk space for uploads and for files to send.

    Parameters
    ----------
    most: bytes of all requests in flight together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def hold(self, size: int) -> Held:
        """Reserve bytes for a request.

        Raises
        ------
        NoRoomError: not enough space is left.
        """
        if self.taken + size > self.most:
            raise NoRoomError(
                f"requests in flight use {self.taken >> 20} MiB of the {self.most >> 20} MiB of "
                f"disk space for them, and this one needs {-(-size >> 20)} MiB; try again in a "
                "minute, or request less."
            )
        self.taken += size
        return Held(self, size)
