"""What a serving process needs of the model: bundles, predictions, factors. Imports no training library."""

from ml.leg import WEATHER_HOURS, Leg, Place, Weather
from ml.runtime.bundle import Bundle, BundleError, load_bundle
from ml.runtime.distribution import BUCKETS, Distribution
from ml.runtime.factors import Factor, factors
from ml.runtime.manifest import Manifest, Metric
from ml.runtime.registry import ModelUnavailableError, Registry
from ml.runtime.settings import ModelSettings

__all__ = [
    "BUCKETS",
    "WEATHER_HOURS",
    "Bundle",
    "BundleError",
    "Distribution",
    "Factor",
    "Leg",
    "Manifest",
    "Metric",
    "ModelSettings",
    "ModelUnavailableError",
    "Place",
    "Registry",
    "Weather",
    "factors",
    "load_bundle",
]
