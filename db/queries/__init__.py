"""Reads, a file for each kind. Every function runs one statement unless it says otherwise."""
