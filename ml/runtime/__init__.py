"""What a serving process needs of the model: bundles, predictions, factors. Imports no training library."""

from ml.features import Group
from ml.leg import DELAYS, WEATHER_FIELDS, WEATHER_HOURS, Leg, Place, Weather
from ml.legs import Legs, instants
from ml.runtime.aliases import AliasesError
from ml.runtime.bundle import Bundle, load_bundle
from ml.runtime.distribution import BUCKETS, Distribution
from ml.runtime.factors import Factor, factors
from ml.runtime.files import BundleError
from ml.runtime.listing import look
from ml.runtime.manifest import Manifest, Metric
from ml.runtime.promotion import Promotion, PromotionRefusedError, promote
from ml.runtime.quarantine import examine
from ml.runtime.registry import ModelUnavailableError, Registry
from ml.runtime.settings import ModelSettings

__all__ = [
    "BUCKETS",
    "DELAYS",
    "WEATHER_FIELDS",
    "WEATHER_HOURS",
    "AliasesError",
    "Bundle",
    "BundleError",
    "Distribution",
    "Factor",
    "Group",
    "Leg",
    "Legs",
    "Manifest",
    "Metric",
    "ModelSettings",
    "ModelUnavailableError",
    "Place",
    "Promotion",
    "PromotionRefusedError",
    "Registry",
    "Weather",
    "examine",
    "factors",
    "instants",
    "load_bundle",
    "look",
    "promote",
]
