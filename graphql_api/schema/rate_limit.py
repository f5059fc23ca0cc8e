"""What is left of the rate limit."""

from datetime import datetime

import strawberry

from graphql_api.rate_limit import Allowance


@strawberry.type(description="How much more may be asked for now, by whoever sends this: its key, or else its address.")
class RateLimit:
    cost: int = strawberry.field(
        description="What this request was charged: what its operation costs, and a little for the request itself; "
        "without what a document was charged that had not been seen before."
    )
    limit: int = strawberry.field(description="What may be asked for in a minute.")
    remaining: int = strawberry.field(description="What is left of it, with this request counted.")
    reset_at: datetime = strawberry.field(description="When the whole limit is there again.")

    @classmethod
    def of(cls, allowance: Allowance) -> "RateLimit":
        return cls(
            cost=allowance.cost,
            limit=allowance.limit,
            remaining=allowance.remaining,
            reset_at=allowance.reset_at,
        )
