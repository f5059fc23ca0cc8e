"""What an API key looks like, how one is made, and what of it may be stored."""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field

_FIRST = "m7b0"
_PREFIX_LENGTH, _SECRET_LENGTH = 8, 32
_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
# Neither signs nor spaces: a double click selects the whole key. 32 of 62 characters are 190 bits.
_SECRET_ALPHABET = string.ascii_letters + string.digits

_KEY = re.compile(rf"({_FIRST}_[a-z0-9]{{{_PREFIX_LENGTH}}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}", re.ASCII)
_SHOWN = re.compile(rf"({_FIRST}_[a-z0-9]{{{_PREFIX_LENGTH}}})(_\S*)?", re.ASCII)
FORM = f"{_FIRST}_{'x' * _PREFIX_LENGTH}_{'…'}"
"""A key in a message."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: `text` is given to its owner, `prefix` and `sha256` are stored."""

    text: str = field(repr=False)
    prefix: str
    sha256: str


def new_key() -> NewKey:
    """A key that nobody can guess."""
    prefix = f"{_FIRST}_{_random(_PREFIX_ALPHABET, _PREFIX_LENGTH)}"
    text = f"{prefix}_{_random(_SECRET_ALPHABET, _SECRET_LENGTH)}"
    return NewKey(text, prefix, sha256_of(text))


def sha256_of(text: str) -> str:
    """What is stored of a key, in hexadecimal.

    A fast hash is right here, and a slow one such as Argon2 is for passwords: those can be guessed, so each guess must
    cost something. The 190 random bits of a key cannot be tried out at any speed, and each request has to hash its key.
    """
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def prefix_of(text: str) -> str | None:
    """How a key begins, None where the text is not of a key's form."""
    match = _KEY.fullmatch(text)
    return match.group(1) if match else None


def shown_prefix(text: str) -> str | None:
    """The prefix of what a person copied: a prefix, or a whole key. None where it is neither."""
    match = _SHOWN.fullmatch(text)
    return match.group(1) if match else None


def holds_key(text: str) -> bool:
    """Whether a key is somewhere in a text."""
    return _KEY.search(text) is not None


def without_keys(text: str) -> str:
    """The text with the secrets of all keys in it taken out."""
    return _KEY.sub(r"\1_…", text)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
