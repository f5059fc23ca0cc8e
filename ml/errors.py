"""The one ancestor of the errors that a user of the model can put right."""


class ModelError(Exception):
    """The message says in one line what is wrong and what to do; the command line prints it and exits with 1."""
