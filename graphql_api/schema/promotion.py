"""What becomes of promoting a model."""

from typing import Annotated

import strawberry
import structlog

from graphql_api.context import Info
from graphql_api.errors import Code, api_error
from graphql_api.promotion import promote_model
from graphql_api.schema.model import DelayModel, ModelAlias
from graphql_api.schema.problems import ModelUnavailable, Problem
from ml.runtime import AliasesError, ModelUnavailableError, PromotionRefusedError

log = structlog.stdlib.get_logger(__name__)


@strawberry.type(description="The model has the role, and answers in it from now on.")
class ModelPromoted:
    model: DelayModel = strawberry.field(description="The model with the roles that it has now.")


@strawberry.type(description="The model is worse than the champion on the same evaluation, or cannot be compared.")
class PromotionRefused(Problem):
    pass


PromoteModelResult = Annotated[
    ModelPromoted | PromotionRefused | ModelUnavailable,
    strawberry.union("PromoteModelResult", description="The promoted model, or why it was not promoted."),
]


async def promoted(
    info: Info, version: str, alias: ModelAlias, *, force: bool
) -> ModelPromoted | PromotionRefused | ModelUnavailable:
    """Promote a model and say what came of it."""
    context, role = info.context, alias.name.lower()
    try:
        done = await promote_model(context.service, context.principal, version, role, force=force)
    except PromotionRefusedError as error:
        return PromotionRefused(message=str(error))
    except ModelUnavailableError as error:
        return ModelUnavailable(message=str(error))
    except AliasesError as error:
        log.warning("model not promoted", version=version, alias=role, reason=str(error))
        message = "The aliases of the models cannot be changed. The log of the service says why."
        raise api_error(Code.UNAVAILABLE, message) from error
    return ModelPromoted(model=DelayModel.from_bundle(done.bundle, done.models))
