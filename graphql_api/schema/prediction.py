"""Predictions of the arrival delay."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import islice, repeat
from typing import Annotated, Any, Self, TypeAlias

import numpy as np
import strawberry
from graphql import FieldNode, GraphQLResolveInfo

from graphql_api.compiled.records import (
    Column,
    Computed,
    Layout,
    Nested,
    NestedList,
    Row,
    record,
    records,
    remembered,
)
from graphql_api.context import Context, Info
from graphql_api.errors import bad_user_input
from graphql_api.predictions import Answered, Prediction
from graphql_api.schema.leg import NOTHING, Lookups, legs_of
from graphql_api.schema.model import DelayModel, ModelSelector, PredictionBasis, model_of, select_bundle
from graphql_api.schema.problems import Fault, InvalidInput, ModelUnavailable, invalid_input
from graphql_api.schema.question import Question
from graphql_api.weights import FACTORS, MODEL, Given, weighs
from ml.runtime import BUCKETS, Bundle, Legs, ModelUnavailableError, Registry

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
        found = await info.context.predictor.factors(self.prediction)
        return [
            PredictionFactor(feature=factor.feature, value=factor.value, contribution=factor.contribution)
            for factor in found[:first]
        ]

    @strawberry.field(description="The model that answered.", metadata=weighs(MODEL))
    def model(self, info: Info) -> DelayModel:
        return model_of(info.context, self.prediction.answered.bundle)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """A prediction of a row of `_PREDICTION`."""
        return cls(
            prediction=Prediction(row[_ANSWERED], row[_NUMBER]),
            probability_delayed=row[0],
            probability_never_arrives=row[1],
            delay_minutes=_quantiles(row),
            buckets=[_bucket(each) for each in _buckets(row)],
            basis=[PredictionBasis(group) for group in row[_BASIS]],
        )


PredictDelayResult = Annotated[
    DelayPrediction | InvalidInput | ModelUnavailable,
    strawberry.union("PredictDelayResult", description="A prediction, or why there is none."),
]
Result: TypeAlias = DelayPrediction | InvalidInput | ModelUnavailable

_QUANTILES_AT, _BUCKETS_AT, _BASIS, _MODEL, _ALIASES, _ANSWERED, _NUMBER = 2, 5, 9, 10, 11, 12, 13


def _rows(answered: Answered, model: DelayModel) -> list[Row]:
    """Of each leg: P(delayed), P(never arrives), three quantiles, four buckets, the names of its groups, the model, the
    names of its aliases, and where the prediction is."""
    outcome = answered.outcome
    values = np.concatenate((outcome.sums[:, :2], outcome.quantiles, outcome.sums[:, 2:]), axis=1)
    groups = {basis: [*basis] for basis in set(outcome.basis)}
    basis = [groups[each] for each in outcome.basis]
    aliases = [alias.name for alias in model.aliases]
    return [
        *zip(
            *values.T.tolist(), basis, repeat(model), repeat(aliases), repeat(answered), range(len(basis)), strict=False
        )
    ]


def _buckets(row: Row) -> Sequence[Row]:
    return [*zip(BUCKETS, row[_BUCKETS_AT:_BASIS], strict=True)]


def _bucket(row: Row) -> DelayBucketProbability:
    return DelayBucketProbability(bucket=DelayBucket(row[0]), probability=row[1])


def _quantiles(row: Row) -> DelayQuantiles:
    p10, p50, p90 = row[_QUANTILES_AT:_BUCKETS_AT]
    return DelayQuantiles(p10=p10, p50=p50, p90=p90)


_QUANTILES = Layout(
    DelayQuantiles.__name__,
    {name: Column(_QUANTILES_AT + number) for number, name in enumerate(("p10", "p50", "p90"))},
    _quantiles,
)
_BUCKET = Layout(DelayBucketProbability.__name__, {"bucket": Column(0, ready=True), "probability": Column(1)}, _bucket)
# Of what is shown of each of a thousand predictions nothing is worked out anew; inputs and figures are resolved.
_SHOWN_MODEL = Layout(
    DelayModel.__name__,
    {
        "version": Computed(lambda row: row[_MODEL].version),
        "aliases": Column(_ALIASES, ready=True),
        "trainedAt": Computed(lambda row: row[_MODEL].trained_at),
        "trainingRows": Computed(lambda row: row[_MODEL].training_rows),
        "sha256": Computed(lambda row: row[_MODEL].sha256),
    },
    lambda row: row[_MODEL],
)
_PREDICTION = Layout(
    DelayPrediction.__name__,
    {
        "probabilityDelayed": Column(0),
        "probabilityNeverArrives": Column(1),
        "delayMinutes": Nested(_QUANTILES),
        "buckets": NestedList(_BUCKET, _buckets),
        "basis": Column(_BASIS, ready=True),
        "model": Nested(_SHOWN_MODEL),
    },
    DelayPrediction.from_row,
)


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    """Questions of one model. Told apart by identity: they are long."""

    questions: Sequence[Question]
    select: ModelSelector | None
    paths: Sequence[tuple[str, ...]]


async def predict_all(
    info: Info, questions: Sequence[Question], select: ModelSelector | None, paths: Sequence[tuple[str, ...]]
) -> list[Result]:
    """Answer questions, in their order, together with all that the request asks in the same turn of the event loop.

    Each of `paths` leads to its question's input in the client's arguments. A compiled operation gets rows in place of
    the predictions.
    """
    raw = info._raw_info
    answers = await _ask(info, questions, select, paths)
    return [record(raw, each, _PREDICTION) if each.__class__ is tuple else each for each in answers]


async def predict_list(
    info: Info, questions: Sequence[Question], select: ModelSelector | None, paths: Sequence[tuple[str, ...]]
) -> list[Result]:
    """The same for a field that is a list: a compiled operation gets rows in place of all of it where it can."""
    raw = info._raw_info
    answers = await _ask(info, questions, select, paths)
    if all(each.__class__ is tuple for each in answers):
        return records(raw, answers, _PREDICTION)  # type: ignore[no-any-return]
    return [record(raw, each, _PREDICTION) if each.__class__ is tuple else each for each in answers]


async def predict(info: Info, question: Question, select: ModelSelector | None, path: tuple[str, ...]) -> Result:
    """Answer one question: see `predict_all`."""
    (answer,) = await predict_all(info, [question], select, [path])
    return answer


async def _ask(
    info: Info, questions: Sequence[Question], select: ModelSelector | None, paths: Sequence[tuple[str, ...]]
) -> Sequence[Any]:
    context, ask = info.context, _Ask(questions, select, paths)
    if remembered(info._raw_info, _is_alone, lambda: _is_alone(info._raw_info)):
        (found,) = await _answer(context, [ask])
    else:
        found = await context.predictor.together(ask, partial(_answer, context))
    return found


def _is_alone(info: GraphQLResolveInfo[Any]) -> bool:
    """Whether nothing else in the operation can ask in the same turn."""
    selections = info.operation.selection_set.selections
    return info.path.prev is None and len(selections) == 1 and isinstance(selections[0], FieldNode)


async def _answer(context: Context, asks: Sequence[_Ask]) -> list[list[Any]]:
    """For each question a row of `_PREDICTION`, or a problem."""
    context.metrics.batched_read("predictions", sum(len(ask.questions) for ask in asks))
    # The model says what has to be looked up. That it is missing is only said of a flight that can be.
    chosen = [_selected(context.models, ask.select) for ask in asks]
    needed = [_lookups(context.models, bundle) for bundle in chosen]
    legs, faults = await legs_of(
        context.database,
        context.service.reference,
        [question for ask in asks for question in ask.questions],
        [path for ask in asks for path in ask.paths],
        [lookups for ask, lookups in zip(asks, needed, strict=True) for _ in ask.questions],
        context.metrics.batched_read,
    )
    bundles = [bundle for ask, bundle in zip(asks, chosen, strict=True) for _ in ask.questions]
    answers = iter(await _predictions(context, legs, faults, bundles))
    return [list(islice(answers, len(ask.questions))) for ask in asks]


async def _predictions(
    context: Context, legs: Legs, faults: Mapping[int, list[Fault]], bundles: Sequence[Bundle | ModelUnavailable]
) -> Sequence[Any]:
    """In one run of each model."""
    answers: list[Any] = list(bundles)
    of_models: dict[int, list[int]] = {}
    for place, bundle in enumerate(bundles):
        if place in faults:
            context.metrics.predictions("none", "invalid_input")
            answers[place] = invalid_input(faults[place])
        elif isinstance(bundle, ModelUnavailable):
            context.metrics.predictions("none", "model_unavailable")
        else:
            of_models.setdefault(id(bundle), []).append(place)
    asked = [
        (bundles[places[0]], legs if len(places) == len(bundles) else legs.take(places))
        for places in of_models.values()
    ]
    runs = [context.predictor.predict(bundle, of_model) for bundle, of_model in asked]  # type: ignore[arg-type]  # usable
    answered = [await runs[0]] if len(runs) == 1 else await asyncio.gather(*runs)
    for places, each in zip(of_models.values(), answered, strict=True):
        rows = _rows(each, model_of(context, each.bundle))
        if len(places) == len(bundles):
            return rows
        for place, row in zip(places, rows, strict=True):
            answers[place] = row
    return answers


def _lookups(models: Registry, bundle: Bundle | ModelUnavailable) -> Lookups:
    """Worked out once for each bundle that is served."""
    if isinstance(bundle, ModelUnavailable):
        return NOTHING
    key = (Lookups, id(bundle))
    lookups: Lookups | None = models.memo.get(key)
    if lookups is None:
        lookups = Lookups.of(bundle)
        if models.loaded.get(bundle.version) is bundle:
            models.memo[key] = lookups
    return lookups


def _selected(models: Registry, select: ModelSelector | None) -> Bundle | ModelUnavailable:
    try:
        return select_bundle(models, select)
    except ModelUnavailableError as error:
        return ModelUnavailable(message=str(error))
