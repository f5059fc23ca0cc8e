"""How many operations are under way at once, and what becomes of those that are too many."""

from graphql_api.errors import Code, HTTPError
from graphql_api.metrics import Metrics

RETRY_AFTER_SECONDS = 1
_BUSY = "The service has as many requests under way as it takes at once. Send it again after the pause in Retry-After."


class Load:
    """A bounded number of operations under way. `with load:` is one of them.

    Beyond what the processor can answer, more at once makes each wait longer and answers no more of them: whoever is
    refused at once can go to another replica, or come again.
    """

    def __init__(self, requests_max: int, metrics: Metrics) -> None:
        self.under_way = 0
        self._max = requests_max
        self._metrics = metrics
        metrics.watch_load(lambda: self.under_way)

    def __enter__(self) -> None:
        """Raises:
        HTTPError: 503, UNAVAILABLE, with `Retry-After`; there are as many as there may be.
        """
        if self.under_way >= self._max:
            self._metrics.shed()
            raise HTTPError(503, _BUSY, {"Retry-After": str(RETRY_AFTER_SECONDS)}, Code.UNAVAILABLE)
        self.under_way += 1

    def __exit__(self, *_raised: object) -> None:
        self.under_way -= 1
