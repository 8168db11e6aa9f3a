"""Which language a source text is in, going by its file's name and, in doubt, its first lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

LANGUAGES: Mapping[str, str] = {
    "bash": ".sh .bash .zsh .ksh .bats",
    "c": ".c .h",
    "cpp": ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ino .cu .cuh",
    "csharp": ".cs .csx",
    "css": ".css",
    "go": ".go",
    "haskell": ".hs",
    "html": ".html .htm .xhtml",
    "java": ".java",
    "javascript": ".js .jsx .mjs .cjs",
    "json": ".json .jsonc .geojson .webmanifest",
    "julia": ".jl",
    "kotlin": ".kt .kts",
    "latex": ".tex .sty .cls .ltx",
    "lua": ".lua",
    "matlab": ".m",
    "ocaml": ".ml",
    "ocaml_interface": ".mli",
    "php": ".php .phtml",
    "python": ".py .pyi .pyw",
    "r": ".r",
    "ruby": ".rb .rake .gemspec",
    "rust": ".rs",
    "scala": ".scala .sc .sbt",
    "sql": ".sql .ddl",
    "swift": ".swift",
    "toml": ".toml",
    "tsx": ".tsx",
    "typescript": ".ts .mts .cts",
    "verilog": ".v .vh .sv .svh",
    "yaml": ".yaml .yml",
}
"""The languages that are parsed, by the names of their grammars, with their files' endings."""

_BY_SUFFIX = {suffix: name for name, suffixes in LANGUAGES.items() for suffix in suffixes.split()}
_BY_NAME = {"rakefile": "ruby", "gemfile": "ruby", "vagrantfile": "ruby", "pipfile": "toml"}
_BY_PROGRAM = {
    "bash": "bash",
    "dash": "bash",
    "julia": "julia",
    "ksh": "bash",
    "lua": "lua",
    "node": "javascript",
    "php": "php",
    "python": "python",
    "rscript": "r",
    "ruby": "ruby",
    "sh": "bash",
    "zsh": "bash",
}
_SHEBANG = re.compile(r"#!\s*+(?:\S*/)?+(?:env\s+(?:-\S+\s+)*+)?+(?:\S*/)?+([a-zA-Z]+)")
_CPLUSPLUS = re.compile(
    r"^[ \t]*(?:(?:class|namespace|template|using)\b|(?:public|private|protected):)", re.M
)
_OBJECTIVE_C = re.compile(r"^[ \t]*(?:@(?:interface|implementation|protocol|import)|#import)\b", re.M)
_SAMPLE = 20_000


def of(name: str, text: str) -> str | None:
    """The language of a file, or None where no grammar is at hand. `text` decides what the name leaves
    open: headers of C or C++, `.m` of MATLAB or Objective-C, and files that name their program."""
    path = PurePath(name.lower())
    language = _BY_SUFFIX.get(path.suffix) or _BY_NAME.get(path.name)
    if language is None and not path.suffix and (program := _SHEBANG.match(text)):
        return _BY_PROGRAM.get(program[1].lower())
    if path.suffix == ".h" and _CPLUSPLUS.search(text, 0, _SAMPLE):
        return "cpp"
    if path.suffix == ".m" and _OBJECTIVE_C.search(text, 0, _SAMPLE):
        return None
    return language
