#!/bin/sh
# Installs the editors that the tests drive. On Debian, as root, all of them: tmux, Emacs with eglot, and Kate with
# a display that nobody sees as packages, and newer Neovim and Helix than Debian 12 has in a folder of their own
# (.make/editors), with the libraries they were built for. (Neovim 0.11 comes with the tests' Python packages.)
# Elsewhere the tests of what is missing are skipped, and say so.
set -u
all_here() {
    for program in tmux emacs kate Xvfb xdotool dbus-run-session; do
        command -v "$program" >/dev/null 2>&1 || return 1
    done
    emacs --batch --eval "(require 'eglot)" 2>/dev/null || return 1
    [ -x .make/editors/bin/hx ]
}
all_here && exit 0
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "Not all editors that the tests drive are here: they want tmux, nvim, hx, kate, and emacs with eglot"
    exit 0
fi

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null </dev/null
}

# A folder with the newer editors; each uses the loader and the libraries of that folder.
newer() {
    rm -rf .make/editors && mkdir -p .make/editors/bin || return 1
    mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='Acquire::Retries "3"' --include=neovim,hx forky .make/editors/root </dev/null || return 1
    root=$PWD/.make/editors/root
    for loader in "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/ld-linux-*.so.*; do
        [ -e "$loader" ] && break
    done
    libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6 | head -n 1)")
    for editor in nvim hx; do
        program=$(readlink -f "$root/usr/bin/$editor")
        patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program" || return 1
        cat >.make/editors/bin/$editor <<TEXT
#!/bin/sh
export VIMRUNTIME="$root/usr/share/nvim/runtime" HELIX_RUNTIME="$root/usr/lib/hx/runtime"
exec "$program" "\$@"
TEXT
        chmod +x .make/editors/bin/$editor
        .make/editors/bin/$editor --version >/dev/null || return 1
    done
}

echo "Installing the editors that the tests drive"
packages="tmux emacs-nox elpa-eglot kate xvfb xdotool dbus mmdebstrap patchelf"
install $packages || { apt-get update -qq && install $packages; } || exit 1
[ -x .make/editors/bin/hx ] && exit 0
for try in 1 2 3; do
    newer && exit 0
    echo "That was try $try" && sleep 5
done
rm -rf .make/editors
echo "Neovim and Helix of Debian forky cannot be had now; run this again" >&2
exit 1
