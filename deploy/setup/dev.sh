#!/bin/sh
# The server, restarted when its code changes, and the page from Vite, which reloads itself. Ctrl-C ends both.
set -eu
# A fixed port (else the server would take the next free one), so that the page knows where to send its requests.
port=${PORT:-7878}
export PETRA_URL="http://127.0.0.1:$port"
.venv/bin/watchfiles --filter python --sigint-timeout 10 ".venv/bin/petra serve --port $port $*" server/petra &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
echo "Open the server's address once, so that the browser has its key; then the page below, which reloads itself."
cd web
npm run --silent dev
