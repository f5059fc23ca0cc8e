"""The models that predictions come from."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry
from strawberry import UNSET

from graphql_api.context import Context
from graphql_api.weights import weighs
from ml.runtime import Bundle, Registry


@strawberry.enum(description="Groups of inputs. SCHEDULE is always known, the others as far ahead as they can be.")
class PredictionBasis(Enum):
    SCHEDULE = strawberry.enum_value("SCHEDULE", description="What the timetable says: known months ahead.")
    WEATHER = strawberry.enum_value("WEATHER", description="Weather at the origin: a forecast, or an observation.")
    OPERATIONS = strawberry.enum_value(
        "OPERATIONS", description="How late flights were running two hours before the scheduled departure."
    )


@strawberry.enum(description="The role of a model.")
class ModelAlias(Enum):
    CHAMPION = strawberry.enum_value("champion", description="Answers unless another model is asked for.")
    CHALLENGER = strawberry.enum_value("challenger", description="Is tried against the champion.")


@strawberry.input(one_of=True, description="Which model: by version or by alias, one of them.")
class ModelSelector:
    version: str | None = strawberry.field(default=UNSET, description="A version, as in model_v1.")
    alias: ModelAlias | None = strawberry.field(default=UNSET, description="A role.")


@strawberry.type(description="One figure of how good a model was on months that it had not seen.")
class ModelMetric:
    name: str = strawberry.field(description="What was measured, as in mean_auc or brier.")
    basis: PredictionBasis = strawberry.field(description="With the inputs up to this group known.")
    value: float = strawberry.field(
        description="The figure: of mean_auc more is better and 0.5 is chance, of brier less is better."
    )


@strawberry.type(description="One input of a model.")
class ModelFeature:
    name: str = strawberry.field(description="Name, as the factors of a prediction use it.")
    group: PredictionBasis = strawberry.field(description="The group that it belongs to.")
    dtype: str = strawberry.field(description="Type of the number that the model reads, as in float32.")


@strawberry.type(description="A trained model that this service has loaded and verified.")
class DelayModel:
    version: str = strawberry.field(description="Version, as in model_v1.")
    aliases: list[ModelAlias] = strawberry.field(description="The roles that it has now.")
    trained_at: datetime = strawberry.field(description="When it was trained.")
    training_rows: int = strawberry.field(description="Flights that it was trained on.")
    sha256: str = strawberry.field(description="SHA-256 of the ONNX file, in hexadecimal.")
    features: list[ModelFeature] = strawberry.field(
        description="Its inputs, in the order in which it reads them.", metadata=weighs(items=30)
    )
    metrics: list[ModelMetric] = strawberry.field(
        description="How good it was, evaluated by rolling origin.", metadata=weighs(items=12)
    )

    @classmethod
    def from_bundle(cls, bundle: Bundle, models: Registry) -> Self:
        return cls(
            version=bundle.version,
            aliases=[ModelAlias(alias) for alias in models.aliases_of(bundle.version)],
            trained_at=bundle.trained_at,
            training_rows=bundle.training_rows,
            sha256=bundle.sha256,
            features=[
                ModelFeature(name=feature.name, group=PredictionBasis(feature.group), dtype=feature.dtype)
                for feature in bundle.features
            ],
            metrics=[
                ModelMetric(name=metric.name, basis=PredictionBasis(metric.basis), value=metric.value)
                for metric in bundle.metrics
            ],
        )


def model_of(context: Context, bundle: Bundle) -> DelayModel:
    """A bundle as it is shown, made once: each of a thousand predictions may be asked for its model."""
    models = context.models
    shown: DelayModel | None = models.memo.get(id(bundle))
    if shown is None:
        shown = DelayModel.from_bundle(bundle, models)
        # Of a bundle that is no longer served nothing is kept: its place may become another's.
        if models.loaded.get(bundle.version) is bundle:
            models.memo[id(bundle)] = shown
    return shown


def select_bundle(models: Registry, select: ModelSelector | None) -> Bundle:
    """The bundle that a selector names, the champion without one.

    Raises:
        ModelUnavailableError: there is no such model, or it was refused.
    """
    if select is None:
        return models.select()
    if isinstance(select.version, str):
        return models.select(version=select.version)
    return models.select(alias=select.alias.name.lower() if select.alias else None)
