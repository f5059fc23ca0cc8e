"""Predictions for a file of flights, however large it is."""

from ml.predict.batch import Summary, predict

__all__ = ["Summary", "predict"]
