#!/bin/sh
# Finds the browser that the page is tested in (as tests/web/conftest.py does), or installs one where that is possible
# without asking anybody.
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
.venv/bin/python - <<'PYTHON' && exit 0
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    raise SystemExit(not Path(playwright.chromium.executable_path).exists())
PYTHON

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium for the tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null </dev/null &&
        command -v chromium >/dev/null 2>&1 && exit 0
fi
echo "Fetching Chromium for the tests"
.venv/bin/playwright install chromium </dev/null && exit 0
cat >&2 <<'TEXT'
The tests drive the page in a real browser, and no Chromium was found. Install one, then run this again:
  Debian      apt-get install chromium
  Ubuntu      snap install chromium
  Fedora      dnf install chromium
  Arch        pacman -S chromium
  macOS       connect to the network; Playwright brings its own
TEXT
exit 1
