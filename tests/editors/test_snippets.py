"""The configurations on docs/editors.md for editors that the tests cannot have: each names only what that
editor knows, and starts a Petra that answers a client which can do what that editor can."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp.client import make_test_lsp_client

from tests.editors.house import Home, program
from tests.editors.page import snippet
from tests.lsp.desk import NOTES
from tests.lsp.profiled import Editor, profile

SUBLIME_KEYS = {
    "enabled",
    "command",
    "selector",
    "initialization_options",
    "settings",
    "env",
    "priority_selector",
}
"""Of `ClientConfig` in sublime-package.json, which allows no others; at the commit of the profile."""
JETBRAINS_KEYS = {"id", "name", "programArgs", "fileTypeMappings", "languageMappings", "expandConfiguration"}
"""Of a template.json, by docs/UserDefinedLanguageServerTemplate.md; at the commit of the profile."""
LOOK = """
const Module = require("module");
const load = Module._load;
class LanguageClient {
  constructor(id, name, server, options) { this.said = { server, options }; }
  async start() { console.log(JSON.stringify(this.said)); }
}
Module._load = (name, ...more) =>
  name === "vscode-languageclient/node" ? { LanguageClient } : load(name, ...more);
require(process.argv[1]).activate();
"""
"""Runs an extension for VS Code and tells what it wants started."""


def of_sublime(_: Path) -> list[str]:
    (client,) = json.loads(snippet("Sublime Text", "json"))["clients"].values()
    assert client["enabled"] and client["selector"] and set(client) <= SUBLIME_KEYS
    return list(client["command"])


def of_jetbrains(_: Path) -> list[str]:
    template = json.loads(snippet("JetBrains IDEs", "json"))
    assert set(template) <= JETBRAINS_KEYS
    for mapping in template["fileTypeMappings"]:
        assert mapping.keys() == {"fileType", "languageId"} and mapping["fileType"].keys() == {
            "name",
            "patterns",
        }
    return shlex.split(template["programArgs"]["default"])


def of_vscode(folder: Path) -> list[str]:
    manifest = json.loads(snippet("VS Code", "json"))
    script = folder / manifest["main"]
    script.write_text(snippet("VS Code", "js"))
    told = subprocess.run([program("node"), "-e", LOOK, script], capture_output=True, text=True, check=True)
    said = json.loads(told.stdout)
    assert said["options"]["documentSelector"] == [{"scheme": "file"}]
    assert "vscode-languageclient" in manifest["dependencies"]
    return [said["server"]["command"], *said["server"]["args"]]


@pytest.mark.parametrize(
    "name, command_of",
    [("sublime-lsp", of_sublime), ("jetbrains-lsp4ij", of_jetbrains), ("vscode", of_vscode)],
    ids=["sublime", "jetbrains", "vscode"],
)
async def test_it_starts_a_petra_that_answers(
    name: str,
    command_of: Callable[[Path], list[str]],
    notes: Path,
    new_home: Callable[[str], Home],
    tmp_path: Path,
) -> None:
    home, client = new_home("me"), make_test_lsp_client()
    editor = Editor(client, profile(name), notes)
    client.feature(types.WORKSPACE_APPLY_EDIT)(lambda params: editor.apply(params))
    line = shlex.join(command_of(tmp_path))
    # As an editor does: the program is looked for on the path of the person.
    await client.start_io("sh", "-c", f"exec {line}", env=home.environment())
    try:
        await begin(editor)
        editor.open(editor.uri("queue.py"), NOTES["queue.py"], "python")
        question = "What is the ticket lock of the Marlin kernel called?"
        asked = types.ExecuteCommandParams("petra.ask", [{"question": question}])
        begun: Any = await editor.call(types.WORKSPACE_EXECUTE_COMMAND, asked)
        path = Path(to_fs_path(begun["uri"]) or "")
        editor.open(begun["uri"], await asyncio.to_thread(path.read_text), "markdown")
        assert "Humboldt" in await editor.until(begun["uri"], "<!-- conversation ")
        await client.shutdown_session()
    finally:
        await client.stop()


async def begin(editor: Editor) -> None:
    folders = [types.WorkspaceFolder(uri=editor.folder.as_uri(), name="notes")]
    params = types.InitializeParams(capabilities=editor.capabilities, workspace_folders=folders)
    await editor.client.initialize_session(params)
