"""Compiled execution of GraphQL documents."""
