"""YAML files of an operator: read, filled in from the environment, validated; errors name the file and the line."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from monitoring.errors import MonitoringError

# ${NAME}, ${NAME:-default}, and $${…} for a literal ${…}: the forms that Compose has too.
_VARIABLE = re.compile(r"\$(?P<literal>\$\{[^}]*\})|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Location: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value."""


class Part(BaseModel):
    """A mapping in such a file. What it does not know it refuses, with the name that was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_fields(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    near = get_close_matches(str(key), cls.model_fields, 1)
                    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(cls.model_fields)}"
                    raise fault(f"{key} is not a field here; {hint}", key)
        return values


Document = TypeVar("Document", bound=Part)


class Secret(BaseModel):
    """What must not stand in a file: the value of an environment variable, or the content of a file that one names."""

    env: str
    value: SecretStr | None = None

    @property
    def text(self) -> str:
        """The secret itself, empty where an optional one is not set."""
        return self.value.get_secret_value() if self.value else ""


def fault(message: str, *at: str | int) -> PydanticCustomError:
    """What a validator raises. `at` leads from the value that it validates to what is at fault."""
    return PydanticCustomError("fault", "{message}", {"message": message, "at": at})


def _secret(value: Any, info: ValidationInfo) -> Secret:
    secret = _optional_secret(value, info)
    if not secret.text:
        raise fault(f"set {secret.env}, or {secret.env}_FILE to a file that holds it")
    return secret


def _optional_secret(value: Any, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, dict) or list(value) != ["env"] or not _VARIABLE_NAME.fullmatch(str(value["env"])):
        raise fault("a secret is not written here; name the variable that holds it: {env: NAME}")
    name, environment = str(value["env"]), info.context or {}
    text, path = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if path and not text:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise fault(f"{name}_FILE names {path}, which cannot be read: {_reason(error)}") from error
    return Secret(env=name, value=SecretStr(text) if text else None)


RequiredSecret = Annotated[Secret, BeforeValidator(_secret)]
OptionalSecret = Annotated[Secret, BeforeValidator(_optional_secret)]


def read_document(path: Path, kind: type[Document], environment: Mapping[str, str]) -> Document:
    """A validated file. `environment` fills in `${NAME}`, `${NAME:-default}` and secrets.

    Raises:
        MonitoringError: it cannot be read, is not YAML, or is not as `kind` wants it; a line for each fault.
    """
    shown = _shown(path)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise MonitoringError(f"{shown} cannot be read: {_reason(error)}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MonitoringError(f"{shown}:{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise MonitoringError(f"{shown}: this is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise MonitoringError(f"{shown}:1: a mapping is wanted here, with {', '.join(kind.model_fields)}")
    reading = _Reading(shown, environment)
    values = reading.value(root, ())
    try:
        return kind.model_validate(values, context=environment)
    except ValidationError as error:
        raise MonitoringError("\n".join(reading.described(each) for each in error.errors())) from error


class _Reading:
    """Turns YAML's nodes into values and remembers on which line each stands."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self._lines: dict[Location, int] = {}
        self._constructor = yaml.SafeLoader("")
        self._open: set[int] = set()

    def value(self, node: yaml.Node, at: Location) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(at, line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        if id(node) in self._open:
            raise MonitoringError(f"{self._path}:{line}: this refers to itself")
        self._open.add(id(node))
        value = self._mapping(node, at) if isinstance(node, yaml.MappingNode) else self._sequence(node, at)
        self._open.remove(id(node))
        return value

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in values:
                raise MonitoringError(f"{self._path}:{line}: {key} stands twice in one mapping: keep one")
            self._lines[(*at, key)] = line
            values[key] = self.value(value_node, (*at, key))
        return values

    def _sequence(self, node: yaml.Node, at: Location) -> list[Any]:
        return [self.value(each, (*at, index)) for index, each in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        filled = _VARIABLE.sub(lambda found: self._filled(found, line), node.value)
        if filled != node.value:
            return filled
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise MonitoringError(f"{self._path}:{line}: {node.value!r} cannot be read: quote it") from error

    def _filled(self, found: re.Match[str], line: int) -> str:
        if found["literal"]:
            return found["literal"]
        value = self._environment.get(found["name"]) or found["default"]
        if value is None:
            name = found["name"]
            raise MonitoringError(
                f"{self._path}:{line}: the environment has no {name}: set it, or write ${{{name}:-default}}"
            )
        return value

    def described(self, error: ErrorDetails) -> str:
        """One fault in one line: the file, the line, where in the document, and what would be right."""
        context = error.get("ctx", {})
        at = self._present((*error["loc"], *context.get("at", ())))
        message = error["msg"]
        if error["type"] == "missing":
            message = f"{error['loc'][-1]} is missing"
        elif error["type"] == "union_tag_not_found":
            message = f"{context['discriminator']} is missing"
        elif error["type"] == "union_tag_invalid":
            at, message = (*at, "type"), f"{context['tag']!r} is not one of {context['expected_tags']}"
        elif error["type"] == "literal_error":
            message = f"{error['input']!r} is not {context['expected']}"
        return f"{self._path}:{self._lines[at]}: {_dotted(at)}{message}"

    def _present(self, at: Location) -> Location:
        """Without the names of the alternatives that pydantic puts between keys, and without what is missing."""
        found: Location = ()
        for part in at:
            if (*found, part) in self._lines:
                found = (*found, part)
        return found


def _shown(path: Path) -> str:
    """From the working directory, where it lies in there."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _dotted(at: Location) -> str:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")
    return f"{dotted}: " if dotted else ""


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
