"""The delay model: features, training, export, and the runtime that serves it."""
