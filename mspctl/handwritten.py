"""Reads the YAML that people write, and edits it without disturbing what they wrote.

The record types are the schema: msgspec derives a JSON Schema from them, editors use it, and the same
schema finds all mistakes of a file at once, each as one line that says where, what and what to write.
"""

import datetime
import difflib
import ipaddress
import math
import os
import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mspctl.errors import BadInput
from mspctl.records import Record

R = TypeVar("R", bound=Record)

MAX_BYTES = 4 * 1024 * 1024
MAX_KEYS = 10_000  # of one mapping
MAX_GROWTH = 10  # times as many values as characters: what aliases of aliases make of a short file
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def json_schema(kind: type[Record]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a hand-written file, for editors and for the checks here."""
    schema = msgspec.json.schema(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__, **schema}


def read(path: Path, kind: type[R], shown: str | None = None) -> R:
    """Return the record that `path` holds.

    Raise BadInput with one line per mistake, each beginning with `shown` (the path as the engineer
    knows it) and the place inside the file.
    """
    shown = shown or str(path)
    return parse(text_of(path, shown), kind, shown)


def parse(text: str, kind: type[R], shown: str) -> R:
    """Return the record that the YAML `text` holds. Raise BadInput as `read` does."""
    data = load(text, shown)
    if data is None:
        data = {}
    validator = Draft202012Validator(json_schema(kind), format_checker=_FORMATS)
    lines = dict.fromkeys(  # keys that miss are an error each, and each error names them all
        f"{shown}: {line}"
        for error in sorted(
            validator.iter_errors(data), key=lambda error: list(map(str, error.absolute_path))
        )
        for line in _explain(error)
    )
    if lines:
        raise BadInput(lines)
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:  # what no JSON Schema says; one at a time
        raise BadInput(f"{shown}: {error}") from error


def edit(path: Path, change: Callable[[Any], None], kind: type[Record], shown: str | None = None) -> None:
    """Apply `change` to the YAML of `path`, keeping comments and order; refuse to write what is wrong.

    `change` takes the parsed mapping and alters it in place. Raise BadInput when the file or what becomes
    of it does not fit `kind`; the file is untouched then.
    """
    shown = shown or str(path)
    yaml = _round_trip()
    data = None
    if path.exists():
        text = text_of(path, shown)
        parse(text, kind, shown)
        data = yaml.load(text)
    if data is None:
        data = yaml.map()
    change(data)
    out = StringIO()
    yaml.dump(data, out)
    parse(out.getvalue(), kind, shown)
    write_atomically(path, out.getvalue())


def dump(data: Any) -> str:
    """Return plain data as YAML in the house's layout."""
    out = StringIO()
    _round_trip().dump(data, out)
    return out.getvalue()


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by `text` so that a killed command leaves either the old or the new file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def nearest(word: str, known: Sequence[str]) -> str:
    """Return "; did you mean 'x'?" for the known word nearest to `word`, "" where none is near."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


class _Constructor(SafeConstructor):
    """Leaves dates as text: a day that does not exist is a mistake with a place, not a broken file."""

    def flatten_mapping(self, node: Any) -> Any:
        """Merge what stands under `<<`. Raise ValueError where merges of merges grow without measure."""
        merged = super().flatten_mapping(node)
        if len(node.value) > MAX_KEYS:
            raise ValueError("its aliases make far more of it than was written")
        return merged


_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_Constructor.add_constructor(_TIMESTAMP, SafeConstructor.construct_yaml_str)


class _Keeper(RoundTripConstructor):
    """The same for a file that is edited, where a date that exists keeps its layout."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        """Return a date, or the text of one that does not exist."""
        try:
            return super().construct_yaml_timestamp(node, values)
        except ValueError:
            return self.construct_scalar(node)


_Keeper.add_constructor(_TIMESTAMP, _Keeper.construct_yaml_timestamp)


def text_of(path: Path, shown: str) -> str:
    """Return the text of a file that a person wrote. Raise BadInput: absent, too large, not UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(
                f"{shown}: larger than {MAX_BYTES // 1024**2} MiB; this is not a file written by hand"
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{shown}: no such file") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{shown}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{shown}: {error.strerror}") from None


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.Constructor = _Keeper
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    yaml.preserve_quotes = True
    return yaml


def load(text: str, shown: str) -> Any:
    """Return any YAML as JSON data, dates as text. Raise BadInput with the line where it is none."""
    try:
        reader = YAML(typ="safe", pure=True)
        reader.Constructor = _Constructor
        return _plain(reader.load(text), iter(range(MAX_GROWTH * (len(text) + 1))))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
        raise BadInput(f"{where}: not YAML: {_problem(error)}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{shown}: not YAML: {_hushed(str(error))[:200]}") from None


def _plain(node: Any, left: Iterator[int]) -> Any:
    """Return YAML data as JSON data: every key is text. Raise ValueError for what JSON has no word for."""
    if next(left, None) is None:
        raise ValueError("its aliases make far more of it than was written")
    if isinstance(node, Mapping):
        found = {str(key): _plain(value, left) for key, value in node.items()}
        if len(found) != len(node):
            raise ValueError("the same key as a number and as text")
        return found
    if isinstance(node, list):
        return [_plain(item, left) for item in node]
    if isinstance(node, float) and not math.isfinite(node):
        raise ValueError("a number without an end")
    if isinstance(node, int) and node.bit_length() > 63:
        raise ValueError("a number too large")
    if isinstance(node, str):
        _check_text(node)
    elif not isinstance(node, int | float | None):
        raise ValueError(f"a value of type {type(node).__name__}; write it as text")
    return node


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character, written as an escape") from None


def _problem(error: MarkedYAMLError) -> str:
    """Return what the parser found wrong, without what it quotes: that may be a secret in clear."""
    problem = str(error.problem or error.context or "cannot be read")
    if isinstance(error, DuplicateKeyError):  # it goes on with both values
        return " ".join(problem.partition(" with value ")[0].split())
    return _hushed(problem)


def _hushed(problem: str) -> str:
    """Return a message less what it quotes, marks such as ',' and '<stream end>' apart."""
    quoted = re.compile(r"""(['"])(.{1,2}|<[a-z ]+>)\1|(['"]).*\3""")
    return quoted.sub(lambda found: found[0] if found[1] else "'…'", " ".join(problem.split()))


def _explain(error: ValidationError) -> Iterator[str]:
    where = _place(error)
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    wanted: Any = error.validator_value
    instance: Any = error.instance
    said = schema.get("description", "")
    advice = f"; write {said}" if said and "\n" not in said else ""
    shown = "what stands there" if _is_secret(schema) else _short(instance)
    match error.validator:
        case "anyOf":
            for inner in error.context or ():
                if inner.validator_value != "null":
                    yield from _explain(inner)
        case "additionalProperties":
            known = sorted(schema.get("properties", {}))
            for key in sorted(set(instance) - set(known)):
                hint = nearest(key, known) or f"; known: {', '.join(known)}"
                yield f"{_join(where, key)}: unknown key{hint}"
        case "required":
            for key in sorted(set(wanted) - set(instance)):
                yield f"{_join(where, key)}: missing"
        case "type":
            if wanted in ("object", "array") and isinstance(instance, str):
                shown = "text"  # perhaps a secret, one level too high
            yield f"{where}: expected {_TYPES.get(str(wanted), wanted)}, found {shown}{advice}"
        case "enum":
            known = [str(value) for value in wanted]
            hint = nearest(str(error.instance), known)
            yield f"{where}: unknown value {shown}; one of {', '.join(known)}{hint}"
        case "format":
            yield f"{where}: not a valid {_FORMAT_NAMES.get(str(wanted), wanted)}: {shown}{advice}"
        case "pattern":
            yield f"{where}: {shown} does not fit{advice}"
        case "minItems" | "minLength":
            yield f"{where}: {shown} is too short{advice}"
        case _:
            yield f"{where}: {' '.join(error.message.split())[:200]}{advice}"


def _is_secret(schema: Mapping[str, Any]) -> bool:
    """Whether a mistake at this place may be a secret itself, which no message repeats."""
    return str(schema.get("pattern", "")).startswith("^vault:")


def _place(error: ValidationError) -> str:
    place = ""
    for part in error.absolute_path:
        place = f"{place}[{part}]" if isinstance(part, int) else _join(place, str(part))
    return place or "the file"


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place and place != "the file" else key


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    return repr(value if len(str(value)) <= 60 else str(value)[:57] + "...")


_FORMAT_NAMES = {
    "cidr": "network",
    "day": "date",
    "pattern": "regular expression",
    "span": "address or network",
    "timezone": "time zone",
}
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("cidr", raises=ValueError)
def _is_cidr(value: object) -> bool:
    return not isinstance(value, str) or ("/" in value and bool(ipaddress.ip_network(value)))


@_FORMATS.checks("address", raises=ValueError)
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.ip_address(value))


@_FORMATS.checks("span", raises=ValueError)
def _is_span(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.ip_network(value))


@_FORMATS.checks("day", raises=ValueError)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.date.fromisoformat(value))


@_FORMATS.checks("timezone", raises=(ValueError, OSError, KeyError))
def _is_timezone(value: object) -> bool:
    return not isinstance(value, str) or bool(zoneinfo.ZoneInfo(value))


@_FORMATS.checks("pattern", raises=re.error)
def _is_pattern(value: object) -> bool:
    return not isinstance(value, str) or bool(re.compile(value))
