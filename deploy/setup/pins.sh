#!/bin/sh
# Writes constraints.txt anew: the newest versions that fit pyproject.toml, as a clean environment resolves them.
# torch and llama-cpp-python stay where they are pinned; change those two lines by hand first.
set -eu
python=$1
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"$python" -m venv "$environment"
pip="$environment/bin/python -m pip --disable-pip-version-check"
$pip install -qq --upgrade pip setuptools
"$environment/bin/python" deploy/setup/torch_cpu.py
"$environment/bin/python" deploy/setup/llama.py
$pip install -qq --no-build-isolation -e '.[test]'
$pip install -qq scikit-build-core cmake ninja # what llama-cpp-python is built with
{
    echo "# Every package at the version that is tested, written by \`make pins\`. Local versions such as +cpu are left"
    echo "# out: which build of torch is installed is deploy/setup/torch_cpu.py's business."
    $pip freeze --all --exclude-editable | sed -E 's/ @ file:.*llama_cpp_python-([0-9.]+)-.*/==\1/; s/\+cpu$//' | sort -f
} > constraints.txt.new
mv constraints.txt.new constraints.txt
