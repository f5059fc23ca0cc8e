"""Predictions of the arrival delay."""

from enum import Enum
from typing import Annotated, Self

import strawberry

from graphql_api.context import Info
from graphql_api.errors import bad_user_input
from graphql_api.predictions import Prediction, PredictionAsk
from graphql_api.schema.leg import Lookups, leg_of
from graphql_api.schema.model import DelayModel, ModelSelector, PredictionBasis, select_bundle
from graphql_api.schema.problems import InvalidInput, ModelUnavailable, invalid_input
from graphql_api.schema.question import Question
from graphql_api.weights import FACTORS, MODEL, Given, weighs
from ml.runtime import Bundle, ModelUnavailableError

Model = Annotated[
    ModelSelector | None, strawberry.argument(description="Which model answers; the champion when left out.")
]


@strawberry.enum(description="Arrival delay in minutes. The last also holds cancelled and diverted flights.")
class DelayBucket(Enum):
    UNDER_30 = strawberry.enum_value("UNDER_30", description="Early, on time or less than 30 minutes late.")
    FROM_30_TO_60 = strawberry.enum_value("FROM_30_TO_60", description="30 to less than 60 minutes late.")
    FROM_60_TO_120 = strawberry.enum_value("FROM_60_TO_120", description="60 to less than 120 minutes late.")
    OVER_120_OR_NEVER_ARRIVED = strawberry.enum_value(
        "OVER_120_OR_NEVER_ARRIVED", description="120 or more minutes late, cancelled or diverted."
    )


@strawberry.type(description="Quantiles of the arrival delay in minutes; negative is early.")
class DelayQuantiles:
    p10: float = strawberry.field(description="One flight in ten arrives with less delay.")
    p50: float = strawberry.field(description="The median.")
    p90: float = strawberry.field(description="One flight in ten arrives with more delay.")


@strawberry.type(description="How likely a range of delay is.")
class DelayBucketProbability:
    bucket: DelayBucket = strawberry.field(description="The range.")
    probability: float = strawberry.field(description="Its probability, 0 to 1.")


@strawberry.type(description="What one input does to a prediction.")
class PredictionFactor:
    feature: str = strawberry.field(description="The input, by its name among the model's features.")
    value: str | None = strawberry.field(description="What it was; null where it was unknown.")
    contribution: float = strawberry.field(
        description="Change of probabilityDelayed, in probability, against the same prediction with that input unknown."
    )


@strawberry.type(description="How late a flight will arrive: one distribution, from which every answer is derived.")
class DelayPrediction:
    prediction: strawberry.Private[Prediction]

    probability_delayed: float = strawberry.field(
        description="P(arrives 15 or more minutes late, is cancelled or is diverted), 0 to 1."
    )
    probability_never_arrives: float = strawberry.field(description="P(cancelled or diverted), 0 to 1.")
    delay_minutes: DelayQuantiles = strawberry.field(
        description="Quantiles of the arrival delay, given that the flight arrives."
    )
    buckets: list[DelayBucketProbability] = strawberry.field(
        description="All four, in order; they sum to 1.", metadata=weighs(items=4)
    )
    basis: list[PredictionBasis] = strawberry.field(description="Which groups of inputs were known.")

    @strawberry.field(
        description="contribution: change of probabilityDelayed, in probability, against the same prediction with that "
        "input unknown. Largest first.",
        metadata=weighs(FACTORS, items=Given(("first",), 5, 30)),
    )
    async def factors(
        self,
        info: Info,
        first: Annotated[int | None, strawberry.argument(description="At most this many, from 0; all when null.")] = 5,
    ) -> list[PredictionFactor]:
        if first is not None and first < 0:
            raise bad_user_input(f"first: {first} is negative; ask for 0 or more factors.")
        found = await info.context.predictor.factors.load(self.prediction.ask)
        return [
            PredictionFactor(feature=factor.feature, value=factor.value, contribution=factor.contribution)
            for factor in found[:first]
        ]

    @strawberry.field(description="The model that answered.", metadata=weighs(MODEL))
    def model(self, info: Info) -> DelayModel:
        models = info.context.models
        return DelayModel.from_bundle(models.select(version=self.prediction.ask.version), models)

    @classmethod
    def from_prediction(cls, prediction: Prediction) -> Self:
        p10, p50, p90 = prediction.quantiles
        return cls(
            prediction=prediction,
            probability_delayed=prediction.probability_delayed,
            probability_never_arrives=prediction.probability_never_arrives,
            delay_minutes=DelayQuantiles(p10=p10, p50=p50, p90=p90),
            buckets=[
                DelayBucketProbability(bucket=DelayBucket(name), probability=share)
                for name, share in prediction.buckets.items()
            ],
            basis=[PredictionBasis(group) for group in prediction.basis],
        )


PredictDelayResult = Annotated[
    DelayPrediction | InvalidInput | ModelUnavailable,
    strawberry.union("PredictDelayResult", description="A prediction, or why there is none."),
]


async def predict(
    info: Info, question: Question, select: ModelSelector | None, path: tuple[str, ...]
) -> DelayPrediction | InvalidInput | ModelUnavailable:
    """Answer one question; `path` leads to its input in the client's arguments."""
    metrics = info.context.metrics
    # The model says what has to be looked up. That it is missing is only said of a flight that can be.
    bundle = _selected(info, select)
    lookups = Lookups() if isinstance(bundle, ModelUnavailable) else Lookups.of(bundle)
    leg = await leg_of(info, question, path, lookups)
    if isinstance(leg, list):
        metrics.predictions("none", "invalid_input")
        return invalid_input(leg)
    if isinstance(bundle, ModelUnavailable):
        metrics.predictions("none", "model_unavailable")
        return bundle
    return DelayPrediction.from_prediction(
        await info.context.predictor.predictions.load(PredictionAsk(bundle.version, leg))
    )


def _selected(info: Info, select: ModelSelector | None) -> Bundle | ModelUnavailable:
    try:
        return select_bundle(info, select)
    except ModelUnavailableError as error:
        return ModelUnavailable(message=str(error))
