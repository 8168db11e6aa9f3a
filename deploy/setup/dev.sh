#!/bin/sh
# The server, restarted when its code changes, and the page from Vite, which reloads itself. Ctrl-C ends both.
set -eu
.venv/bin/watchfiles --filter python --sigint-timeout 10 ".venv/bin/petra serve $*" server/petra &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
cd web
npm run --silent dev
