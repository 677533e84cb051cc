"""Requests whose body is JSON: a field that is there twice is refused, not chosen from."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from ecgsynth.arguments import check_once
from ecgsynth.errors import EcgsynthError


class _JsonRequest(Request):
    """A request with JSON in which every field has one value."""

    async def json(self) -> Any:
        """The body.

        Raises
        ------
        HTTPException: a field is there twice. json.JSONDecodeError: it is no JSON.
        """
        if not hasattr(self, "_json"):
            try:
                self._json = json.loads(await self.body(), object_pairs_hook=_object)
            except EcgsynthError as problem:
                raise HTTPException(422, str(problem)) from None
        return self._json


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    check_once((name for name, _ in pairs), "the field")
    return dict(pairs)


class JsonRoute(APIRoute):
    """An address that takes JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await usual(_JsonRequest(request.scope, request.receive))

        return handler
