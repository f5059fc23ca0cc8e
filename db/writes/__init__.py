"""Writing rows: one path for every table, with a typed answer for whatever a client can foresee."""
