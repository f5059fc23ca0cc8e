"""The one ancestor of the errors that an operator can put right."""


class MonitoringError(ValueError):
    """The message says what is wrong and what to do, a line for each fault; the command prints it and exits with 1."""
