"""The parts of JSON as rules of a grammar in GBNF. White space comes behind `{ [ , :` and before `} ]`."""

from __future__ import annotations

import re

# RFC 8259, with digits and exponents of a length that every reader of JSON takes.
RULES = {
    "space": '" "?',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" space ( member ( "," space member )* )? space "}"',
    "member": 'string ":" space value',
    "array": '"[" space ( value ( "," space value )* )? space "]"',
    "string": r'"\"" char* "\""',
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" ( ["\\/bfnrt] | "u" hex{4} )',
    "hex": "[0-9a-fA-F]",
    "number": 'integer ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,2} )?',
    "integer": '"-"? ( "0" | [1-9] [0-9]{0,15} )',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "date": '[0-9]{4} "-" ( "0" [1-9] | "1" [0-2] ) "-" ( "0" [1-9] | [12] [0-9] | "3" [01] )',
    "time": 'clock ( "." [0-9]{1,9} )? ( "Z" | [-+] hours ":" [0-5] [0-9] )',
    "clock": 'hours ":" [0-5] [0-9] ":" [0-5] [0-9]',
    "hours": '[01] [0-9] | "2" [0-3]',
    "date-time": 'date "T" time',
    "uuid": 'hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}',
}
# Those that stand between quotation marks as the `format` of a string.
FORMATS = ("date", "time", "date-time", "uuid")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]')


def needed(rule: str) -> list[str]:
    """The rules that `rule` names, itself included, and those that they name."""
    found: list[str] = []
    waiting = [rule]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            waiting += re.findall(r"[a-z][a-z-]*", _QUOTED.sub(" ", RULES[name]))
    return found
