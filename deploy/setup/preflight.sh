#!/bin/sh
# Names everything this machine lacks, all at once, each with the package to install, before anything is built.
# Prints the path of a suitable Python on stdout and everything for people on stderr. Exit status 1: something is missing.
# PYTHON chooses the Python; PETRA_OS_RELEASE and PETRA_UNAME exist so that the tests can play other systems.
set -u

family=
if [ "${PETRA_UNAME:-$(uname -s)}" = Darwin ]; then
    family=macos
else
    release=${PETRA_OS_RELEASE:-/etc/os-release}
    # shellcheck disable=SC1090
    [ -r "$release" ] && family=$(. "$release" && echo "${ID:-} ${ID_LIKE:-}")
    case " $family " in
        *" debian "* | *" ubuntu "*) family=debian ;;
        *" fedora "* | *" rhel "*) family=fedora ;;
        *" arch "*) family=arch ;;
        *) family=other ;;
    esac
fi

missing=

# need WHAT DEBIAN FEDORA ARCH MACOS: one thing that is missing, and the command that brings it on this system
need() {
    case $family in
        debian) fix=$2 ;;
        fedora) fix=$3 ;;
        arch) fix=$4 ;;
        macos) fix=$5 ;;
        *) fix="your system's package manager" ;;
    esac
    missing="$missing
  - $1
      $fix"
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
complete() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

python=
without_venv=
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    recent "$candidate" || continue
    if complete "$candidate"; then
        python=$("$candidate" -c 'import sys; print(sys.executable)')
        break
    fi
    without_venv=${without_venv:-$candidate}
done

if [ -z "$python" ] && [ -n "$without_venv" ]; then
    version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    need "the venv module of Python $version" \
        "apt-get install python$version-venv" "dnf install python$version" "pacman -S python" "brew install python"
elif [ -z "$python" ]; then
    need "Python 3.11 or later${PYTHON:+ (PYTHON=$PYTHON is not one)}" \
        "apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04 and later; older ones: python3.11 python3.11-venv)" \
        "dnf install python3.12" "pacman -S python" "brew install python"
fi

node_version=$(node --version 2>/dev/null) || node_version=
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
    need "Node.js 20.19 or later${node_version:+ (found $node_version)}" \
        "apt-get install nodejs npm (Debian 13, Ubuntu 25.04 and later), or the installer from nodejs.org" \
        "dnf install nodejs npm" "pacman -S nodejs npm" "brew install node"
elif ! npm --version >/dev/null 2>&1; then
    need "npm, which comes with Node.js" "apt-get install npm" "dnf install npm" "pacman -S npm" "brew install node"
fi

# llama.cpp is compiled for this very machine; CMake comes from pip when the system has none.
# macOS has a `c++` that only says that the tools are not installed, so it is run, not looked up.
if ! ${CXX:-c++} --version >/dev/null 2>&1; then
    need "a C++ compiler" "apt-get install build-essential" "dnf install gcc-c++" "pacman -S base-devel" \
        "xcode-select --install"
fi

if [ -n "$missing" ]; then
    printf 'Petra needs these first:%s\n\nThen run the same command again.\n' "$missing" >&2
    exit 1
fi
echo "$python"
