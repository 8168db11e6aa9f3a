"""A JSON schema as a grammar: every answer that follows the grammar is JSON of that schema.

Objects have their properties in the order of the schema, and none beyond them unless
`additionalProperties` says so. What a grammar cannot say is refused, never ignored; nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from petra.errors import BadRequest
from petra.inference.worker.llamacpp.digits import integers
from petra.inference.worker.llamacpp.json_rules import FORMATS, RULES, needed

MOST_SCHEMAS = 2000
DEEPEST = 40
# What llama.cpp repeats at most.
MOST_REPETITIONS = 2000
LARGEST_BOUND = 2**53
# Characters of all rules: a larger grammar is refused anyway, so no more of it is written.
LONGEST = 64 * 1024

# Words that say nothing about the form.
SILENT = frozenset(
    ("$schema", "$id", "$comment", "$defs", "$anchor", "definitions", "title", "description", "default")
) | {"example", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"}
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems")),
    "string": frozenset(("minLength", "maxLength", "format")),
    "integer": frozenset(BOUNDS),
    "number": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}


def from_schema(schema: Mapping[str, Any]) -> str:
    """GBNF for the JSON values of `schema`. Raises BadRequest for what no grammar can say, naming it."""
    try:
        return _Writer(schema).grammar()
    except RecursionError:
        raise _refused("It is nested too deeply") from None


def _refused(cause: str) -> BadRequest:
    return BadRequest("This JSON schema cannot be used for an answer", cause=cause)


class _Writer:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self._count = 0
        self._written = 0

    def grammar(self) -> str:
        root = self._visit(self._schema, 0)
        rules = {"root": root, **self._rules}
        return "\n".join(f"{name} ::= {rule}" for name, rule in rules.items()) + "\n"

    def _rule(self, body: str) -> str:
        """The name of a new rule."""
        self._written += len(body)
        if self._written > LONGEST:
            raise _refused(f"Its grammar is longer than {LONGEST // 1024} KiB")
        name = f"r{len(self._rules)}"
        self._rules[name] = body
        return name

    def _use(self, name: str) -> str:
        """The name of a rule of JSON itself, which is then in the grammar with all that it needs."""
        self._rules |= {rule: RULES[rule] for rule in needed(name)}
        return name

    def _visit(self, schema: Any, depth: int) -> str:
        """An expression for the values of `schema`; a rule's name where it is long."""
        self._more(1)
        if depth > DEEPEST:
            raise _refused(f"It has more than {DEEPEST} parts within each other")
        if schema is True or schema == {}:
            return self._use("value")
        if not isinstance(schema, dict):
            raise _refused(f"{json.dumps(schema)[:40]} is no schema that has values")
        self._use("space")
        if "$ref" in schema:
            self._only(schema, "$ref")
            return self._reference(schema["$ref"], depth)
        if "const" in schema:
            self._only(schema, "const", "type")
            return _literal(schema["const"])
        if "enum" in schema:
            self._only(schema, "enum", "type")
            values = _sequence(schema["enum"], "enum")
            return self._rule(" | ".join(_literal(value) for value in values))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                self._only(schema, word, "type")
                options = [self._visit(one, depth + 1) for one in _sequence(schema[word], word)]
                return self._rule(" | ".join(options))
        if "allOf" in schema:
            return self._visit(self._merged(schema), depth + 1)
        return self._typed(schema, depth)

    def _more(self, parts: int) -> None:
        """So many parts were looked at: those of a reference count each time."""
        self._count += parts
        if self._count > MOST_SCHEMAS:
            raise _refused(f"It has more than {MOST_SCHEMAS} parts")

    def _only(self, schema: Mapping[str, Any], *words: str) -> None:
        unknown = schema.keys() - set(words) - SILENT
        if unknown:
            raise _refused(f"`{min(unknown)}` is not supported beside `{words[0]}`"[:120])

    def _typed(self, schema: Mapping[str, Any], depth: int) -> str:
        kind = schema.get("type") or _guessed(schema)
        if isinstance(kind, list):
            kinds = _sequence(kind, "type")
            for one in kinds:
                self._kind(one)
            parts = [
                {word: value for word, value in schema.items() if word in OF_TYPE[one] | SILENT}
                | {"type": one}
                for one in kinds
            ]
            known = set().union(*(OF_TYPE[one] for one in kinds))
            self._only(schema, "type", *known)
            return self._rule(" | ".join(self._visit(part, depth + 1) for part in parts))
        self._only(schema, "type", *OF_TYPE[self._kind(kind)])
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._string(schema)
        if kind == "integer":
            return self._integer(schema)
        return self._use(kind)

    def _kind(self, kind: Any) -> str:
        if not isinstance(kind, str) or kind not in OF_TYPE:
            raise _refused(f"There is no type {json.dumps(kind)[:40]}")
        return kind

    def _reference(self, reference: Any, depth: int) -> str:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise _refused(f"$ref leads elsewhere: {json.dumps(reference)[:80]}")
        if reference not in self._references:
            # Named before it is written: a schema may contain itself.
            name = self._references[reference] = self._rule("")
            self._rules[name] = self._visit(self._target(reference), depth + 1)
        return self._references[reference]

    def _target(self, reference: str) -> Any:
        target: Any = self._schema
        for step in reference[1:].split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and step.isdecimal() and int(step) < len(target):
                target = target[int(step)]
            elif isinstance(target, dict) and step in target:
                target = target[step]
            else:
                raise _refused(f"$ref leads to nothing: {reference[:80]}")
        return target

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of `allOf` as one schema of an object."""
        self._only(schema, "allOf", "type", *OF_TYPE["object"])
        properties: dict[str, Any] = {}
        required: list[Any] = []
        closed: Any = None
        parts = [*_sequence(schema["allOf"], "allOf"), {k: v for k, v in schema.items() if k != "allOf"}]
        for part in parts:
            if isinstance(part, dict) and "$ref" in part:
                self._only(part, "$ref")
                if not isinstance(part["$ref"], str) or not part["$ref"].startswith("#"):
                    raise _refused(f"$ref leads elsewhere: {json.dumps(part['$ref'])[:80]}")
                part = self._target(part["$ref"])
            if not isinstance(part, dict) or part.get("type", "object") != "object":
                raise _refused("allOf is supported for objects only")
            self._only(part, "type", *OF_TYPE["object"])
            part_properties = _mapping(part.get("properties", {}), "properties")
            part_required = _sequence(part.get("required", []), "required", least=0)
            self._more(1 + len(part_properties) + len(part_required))
            for name, value in part_properties.items():
                properties[name] = {"allOf": [properties[name], value]} if name in properties else value
            required += part_required
            closed = part.get("additionalProperties", closed)
        merged = {"type": "object", "properties": properties, "required": required}
        return merged if closed is None else merged | {"additionalProperties": closed}

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties = _mapping(schema.get("properties", {}), "properties")
        required = {str(name) for name in _sequence(schema.get("required", []), "required", least=0)}
        more = schema.get("additionalProperties", None if "properties" in schema else True)
        others = dict.fromkeys(sorted(required - properties.keys()), more)
        if others and (more is None or more is False):
            raise _refused(f"`{min(others)}` is required, and not among the properties"[:120])
        if not properties and not others and more is True:
            return self._use("object")
        pairs = [
            (f'{_literal(name)} ":" space {self._visit(value, depth + 1)}', name in required)
            for name, value in {**properties, **others}.items()
        ]
        rest = "( )"
        if more is not None and more is not False:
            pair = self._rule(f'{self._use("string")} ":" space {self._visit(more, depth + 1)}')
            rest = self._rule(f'( "," space {pair} )*')
            first = self._rule(f'( {pair} ( "," space {pair} )* )?')
        else:
            first = rest = self._rule('""')
        return self._rule(f'"{{" space {self._members(pairs, first, rest)} space "}}"')

    def _members(self, pairs: Sequence[tuple[str, bool]], first: str, rest: str) -> str:
        """What stands between the braces. From the last pair to the first there are two rules: for what
        comes when nothing stands there yet, and for what comes behind something."""
        for pair, must in reversed(pairs):
            name = self._rule(pair)
            begun = f'"," space {name} {rest}'
            opened = f"{name} {rest}"
            first = self._rule(opened if must else f"{opened} | {first}")
            rest = self._rule(begun if must else f"{begun} | {rest}")
        return first

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        least, most = _range(schema, "minItems", "maxItems")
        fixed = _sequence(schema.get("prefixItems", []), "prefixItems", least=0)
        items = schema.get("items", True)
        if isinstance(items, list):
            raise _refused("A list of schemas belongs into prefixItems")
        if fixed and "items" not in schema:
            items = False
        parts = [self._visit(one, depth + 1) for one in fixed]
        if items is False:
            if least > len(parts):
                raise _refused("minItems is more than there are prefixItems")
            most = min(len(parts) if most is None else most, len(parts))
            return self._rule(f'"[" space {self._tuple(parts, least, most)} space "]"')
        if len(parts) > (len(parts) if most is None else most):
            raise _refused("There are more prefixItems than maxItems")
        item = self._rule(self._visit(items, depth + 1))
        if parts:
            head = ' "," space '.join(parts)
            tail = _times(f'( "," space {item} )', least - len(parts), most, len(parts))
            return self._rule(f'"[" space {head} {tail} space "]"')
        if most == 0:
            return '"[" space "]"'
        tail = _times(f'( "," space {item} )', least - 1, most, 1)
        body = f"{item} {tail}" if least else f"( {item} {tail} )?"
        return self._rule(f'"[" space {body} space "]"')

    def _tuple(self, parts: Sequence[str], least: int, most: int) -> str:
        """The first `least` to `most` of `parts`."""
        text = '""'
        for index in range(most - 1, -1, -1):
            comma = '"," space ' if index else ""
            text = self._rule(f"{comma}{parts[index]} {text}" + ("" if index < least else ' | ""'))
        return text

    def _string(self, schema: Mapping[str, Any]) -> str:
        if "format" in schema:
            self._only(schema, "format", "type")
            if schema["format"] not in FORMATS:
                raise _refused(f"The format {json.dumps(schema['format'])[:40]} is not supported")
            return self._rule(rf'"\"" {self._use(schema["format"])} "\""')
        least, most = _range(schema, "minLength", "maxLength")
        if least == 0 and most is None:
            return self._use("string")
        self._use("char")
        return self._rule(rf'"\"" char{{{least},{"" if most is None else most}}} "\""')

    def _integer(self, schema: Mapping[str, Any]) -> str:
        bounds = [schema.get(word) for word in BOUNDS]
        for bound in bounds:
            if bound is not None and (type(bound) is not int or abs(bound) > LARGEST_BOUND):
                raise _refused(f"Bounds of integers have to be integers of at most {LARGEST_BOUND}")
        low, high, above, below = bounds
        lows = [one for one in (low, None if above is None else above + 1) if one is not None]
        highs = [one for one in (high, None if below is None else below - 1) if one is not None]
        if not lows and not highs:
            return self._use("integer")
        least, most = max(lows, default=None), min(highs, default=None)
        if least is not None and most is not None and least > most:
            raise _refused("No integer is within the bounds")
        return self._rule(integers(least, most))


def _guessed(schema: Mapping[str, Any]) -> str:
    """The type that a schema without one speaks of."""
    for kind, words in OF_TYPE.items():
        if words & schema.keys():
            return kind
    unknown = schema.keys() - SILENT
    if unknown:
        raise _refused(f"`{min(unknown)}` is not supported"[:80])
    return "object"


def _literal(value: Any) -> str:
    """JSON of `value` as a literal of GBNF."""
    text = json.dumps(value, ensure_ascii=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sequence(value: Any, word: str, *, least: int = 1) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) < least or len(value) > MOST_SCHEMAS:
        raise _refused(f"`{word}` has to be a list of {least} to {MOST_SCHEMAS}")
    return value


def _mapping(value: Any, word: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(f"`{word}` has to be an object")
    return value


def _range(schema: Mapping[str, Any], low: str, high: str) -> tuple[int, int | None]:
    least, most = schema.get(low), schema.get(high)
    for word, value in ((low, least), (high, most)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_REPETITIONS:
            raise _refused(f"`{word}` has to be from 0 to {MOST_REPETITIONS}")
    if most is not None and most < (least or 0):
        raise _refused(f"`{high}` is less than `{low}`")
    return least or 0, most


def _times(item: str, least: int, most: int | None, done: int) -> str:
    """`item`, after `done` others, so often that there are `least` more to `most` in all."""
    if most is not None and most <= done:
        return ""
    return f"{item}{{{max(least, 0)},{'' if most is None else most - done}}}"
