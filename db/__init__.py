"""Flights in a database: tables, queries, ingestion and migrations, on SQLite and PostgreSQL."""
