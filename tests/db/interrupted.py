"""A load that is interrupted: so many small parts that what interrupts it need not be quick."""

INTERRUPTED_ROWS = 20_000
SMALL_PART_ROWS = 1_000
IN_SMALL_PARTS = f"import db.__main__, db.seed; db.seed.PART_ROWS = {SMALL_PART_ROWS}; db.__main__.main()"
"""`python -m db` as it is, but that the rows of a part are few."""
