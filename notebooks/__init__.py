"""Exploration of the data and of the model."""
