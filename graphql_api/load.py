"""How many operations are executed at once, and what becomes of those that are too many."""

import asyncio
from typing import Final

from graphql_api.deadlines import Deadlines
from graphql_api.errors import Code, HTTPError
from graphql_api.metrics import Metrics

PATIENCE_SECONDS: Final = 1.0
"""How long one may wait for its turn. It is then refused, and told to come again after as long a pause."""

_BUSY = "The service is answering as many requests as it can. Send it again after the pause that Retry-After says."


class Load:
    """A bounded number of operations under way. `async with load:` is one of them; the others wait for their turn.

    More at once than keep the processor and the database busy make each take longer and answer fewer of them. Who is
    refused has waited too: whoever asks again at once would otherwise keep the processor busy with refusals alone.
    """

    def __init__(self, requests_max: int, waiting_max: int, metrics: Metrics) -> None:
        self.under_way = 0
        self._max = requests_max
        self._waiting_max = waiting_max
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._held_back = 0
        self._patience = Deadlines(PATIENCE_SECONDS)
        self._metrics = metrics
        metrics.watch_load(lambda: self.under_way, lambda: len(self._waiting))

    async def __aenter__(self) -> None:
        """Raises:
        HTTPError: 503, UNAVAILABLE, with `Retry-After`; its turn did not come.
        """
        if self.under_way < self._max:
            self.under_way += 1
        else:
            await self._turn()

    async def __aexit__(self, *_raised: object) -> None:
        self._pass_on()

    async def _turn(self) -> None:
        """Wait until somebody passes on a place."""
        if len(self._waiting) >= self._waiting_max:
            # As many again are kept from asking anew at once; what is beyond holds no memory.
            if self._held_back < self._waiting_max:
                self._held_back += 1
                try:
                    await asyncio.sleep(PATIENCE_SECONDS)
                finally:
                    self._held_back -= 1
            raise self._refusal()
        place = asyncio.get_running_loop().create_future()
        self._waiting[place] = None
        try:
            with self._patience.begin():
                await place
        except BaseException as error:
            self._waiting.pop(place, None)
            if not place.cancelled():  # Its turn came in the moment in which it gave up.
                self._pass_on()
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _pass_on(self) -> None:
        """Give a place to who has waited longest for one."""
        while self._waiting:
            place = next(iter(self._waiting))
            del self._waiting[place]
            if not place.done():
                place.set_result(None)
                return
        self.under_way -= 1

    def _refusal(self) -> HTTPError:
        self._metrics.shed()
        return HTTPError(503, _BUSY, {"Retry-After": f"{PATIENCE_SECONDS:g}"}, Code.UNAVAILABLE)
