"""Keys, tokens and passwords: by the name of a file, and in a text. Pure.

A file is left out as a whole, so a mistake costs: tokens are told by the form that their makers gave them,
and a value of no known form only where its name says that it is secret and its characters look drawn by
lot. Most texts end at the search for a few plain words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

_NAME = re.compile(
    r"\.env(\..+)?|.+\.env|\.envrc|[._]netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.?htpasswd|g?shadow-?|\.dockercfg"
    r"|\.git-credentials|credentials(\..+)?|.+[-_]credentials\.json|client_secret.*\.json|(?:(?!service[-_]?account).)*+service[-_]?account.*\.json"
    r"|secrets\.(json|ya?ml|toml|ini)|kubeconfig|wallet\.dat|id_(rsa|dsa|ecdsa|ed25519)(_.+)?(\.pub)?"
    r"|.+\.(pem|key|p8|p12|pfx|jks|keystore|kdbx?|ppk|gpg|asc|tfstate|tfvars|ovpn)"
)


class _Token(NamedTuple):
    """A secret of a known form: how it may begin, and what it looks like."""

    what: str
    beginnings: tuple[str, ...]
    expression: re.Pattern[str]


def _token(what: str, beginnings: str, expression: str) -> _Token:
    # Not in the middle of something longer: base64 holds any short word sooner or later.
    whole = rf"(?<![A-Za-z0-9_-])(?:{expression})(?![A-Za-z0-9+/_-])"
    return _Token(what, tuple(beginnings.split()), re.compile(whole))


_TOKENS = (
    _token("an AWS key", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    _token("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[0-9A-Za-z]{36,251}"),
    _token("a GitHub token", "github_pat_", r"github_pat_[0-9A-Za-z_]{60,}"),
    _token("a GitLab token", "glpat-", r"glpat-[0-9A-Za-z_-]{20,}"),
    _token("a Slack token", "xox xapp-", r"(?:xox[abeoprs]|xapp)-[0-9A-Za-z]{1,}-[0-9A-Za-z-]{10,}"),
    _token(
        "a Slack address",
        "https://hooks.slack.com/services/",
        r"https://hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20,}",
    ),
    _token("a Google key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _token("a Google secret", "GOCSPX-", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    _token("a Stripe key", "sk_live_ rk_live_ sk_test_ rk_test_", r"[sr]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    _token("a Stripe secret", "whsec_", r"whsec_[0-9A-Za-z]{32,}"),
    _token(
        "a model provider's key",
        "sk-",
        r"sk-(?:(?:proj|svcacct|admin|ant|or)-[0-9A-Za-z_-]{24,}|[0-9A-Za-z]{48})",
    ),
    _token("a Hugging Face token", "hf_", r"hf_[A-Za-z]{34}"),
    _token("an npm token", "npm_", r"npm_[0-9A-Za-z]{36}"),
    _token("a PyPI token", "pypi-Ag", r"pypi-Ag[0-9A-Za-z_-]{50,}"),
    _token("a SendGrid key", "SG.", r"SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"),
    _token("a DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("an Azure key", "AccountKey=", r"AccountKey=[0-9A-Za-z+/]{86}=="),
    _token("an age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _token(
        "a signed token (JWT)", "eyJ", r"eyJ[0-9A-Za-z_-]{17,}\.eyJ[0-9A-Za-z_-]{17,}\.[0-9A-Za-z_-]{20,}"
    ),
)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
# Atomic: each piece can be read in one way only, so no text makes this take long.
_KEY_FOLLOWS = re.compile(
    r"(?:(?>\\[nr]|[\s\"'`+,;#>|]|[A-Z][\w-]{2,30}: [^\n\\]{0,200}?(?=[\n\\]|[0-9A-Za-z+/]{40}))){1,200}?"
    r"[0-9A-Za-z+/]{40}"
)
KEY_WITHIN = 2000
"""Characters after the beginning of a private key within which its base64 starts."""
MOST_BEGINNINGS = 1000
"""A text with more of them, and no key, is made to keep somebody busy."""
_WORDS = (
    "secret",
    "token",
    "passw",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "private_key",
)
_ASSIGNED = re.compile(
    r"[\w.-]{0,24}[\"']?\]?[ \t]{0,8}(?::=|=>|[:=])[ \t]{0,8}"
    r"(?P<quote>[\"'])(?P<key>[^\s\"'`<>{}()\[\]$%\\]{20,200})(?P=quote)",
)
_OF_NO_VALUE = re.compile(
    r"(?:next|page|paging|continuation|csrf|sync|resume|client_?request)[_-]?$", re.IGNORECASE
)
"""Before `token`: what a service hands out to be handed back."""
_ADDRESS = re.compile(r"://[^\s:/@'\"<>]{1,60}:(?P<key>[^\s:/@'\"<>{}$%]{12,100})@[\w.-]+")
_PUTTY = "PuTTY-User-Key-File-"
_PUTTY_KEY = re.compile(r"^Private-Lines: \d{1,5}\r?\n[0-9A-Za-z+/]{40}", re.MULTILINE)
_PROSE = frozenset(("md", "markdown", "rst", "adoc", "org", "tex", "html", "htm", "xhtml"))
# What people write where a secret would stand.
_STAND_IN = re.compile(
    r"example|sample|dummy|fake|test|demo|change|placeholder|your|insecure|secret|password|token|todo|xxx"
    r"|1234|abcd|0000|aaaa|deadbeef|cafebabe",
    re.IGNORECASE,
)
# Of a token that ends in characters drawn by lot, `test` and the like may be among them; these are not.
_EXAMPLE = re.compile(r"EXAMPLE|example|xxxx|XXXX|0000|1234567|abcdefg|ABCDEFG|your|YOUR|fake|FAKE")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WELL_KNOWN = "eyJzdWIiOiIxMjM0NTY3ODkw"
"""The beginning of the token that every page about JWT shows (its subject is 1234567890)."""
LEAST_ENTROPY = 3.0
LEAST_ENTROPY_UNKNOWN = 3.7
"""Bits a character. Nearly all of 32 characters drawn from 64 have more than 4.1; names have 2.5 to 3.5."""


def named(name: str) -> bool:
    """Whether a file of this name holds keys or passwords, going by the name."""
    return _NAME.fullmatch(name.rpartition("/")[2].lower()) is not None


def secret_in(text: str | bytes, name: str = "") -> str | None:
    """What secret a text holds, in words (`a private key`), or None. Takes milliseconds a megabyte.

    In documentation, which `name` tells, values of no known form are taken for the examples that they are.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if _holds_key(text):
        return "a private key"
    for token in _TOKENS:
        for beginning in token.beginnings:
            for at in _places(text, beginning):
                if (found := token.expression.match(text, at)) and _is_token(found[0]):
                    return token.what
    if name.lower().rpartition(".")[2] in _PROSE:
        return None
    if "://" in text and any(_is_drawn(found["key"]) for found in _ADDRESS.finditer(text)):
        return "a password in an address"
    return "a password or token" if _assigned(text) else None


def _holds_key(text: str) -> bool:
    """Whether a private key begins somewhere and its base64 follows."""
    if "PRIVATE KEY" in text:
        for begin in islice(_PRIVATE_KEY.finditer(text), MOST_BEGINNINGS):
            if _KEY_FOLLOWS.match(text, begin.end(), begin.end() + KEY_WITHIN):
                return True
    at = text.find(_PUTTY)
    return at >= 0 and _PUTTY_KEY.search(text, at) is not None


def _assigned(text: str) -> bool:
    """Whether something that is called a secret is given a value that looks like one."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        text = lower
    for word in _WORDS:
        for at in _places(lower, word):
            found = _ASSIGNED.match(text, at + len(word))
            if found and _is_drawn(found["key"]) and not _OF_NO_VALUE.search(text[max(at - 16, 0) : at]):
                return True
    return False


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _is_token(key: str) -> bool:
    return _EXAMPLE.search(key) is None and _WELL_KNOWN not in key and entropy(key) >= LEAST_ENTROPY


def _is_drawn(key: str) -> bool:
    """Whether these characters were drawn by lot, rather than written by somebody or made of words."""
    if _STAND_IN.search(key) or not re.search(r"\d", key) or not re.search(r"[A-Za-z]", key):
        return False
    if _UUID.fullmatch(key):
        return False
    if re.fullmatch(r"[\w-]*[./:][\w./:-]*", key) and not re.fullmatch(r"[\w.-]{20,}", key):
        return False  # a path or an address
    mixed = len(re.findall(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]", key))
    return mixed * 4 >= len(key) and entropy(key) >= (
        LEAST_ENTROPY if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", key) else LEAST_ENTROPY_UNKNOWN
    )


def entropy(text: str) -> float:
    """Shannon's entropy of the characters of a text, in bits a character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
