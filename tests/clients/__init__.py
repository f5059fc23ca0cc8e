"""Clients generated from schema.graphql, against the running service."""
