#!/usr/bin/env bash
# ./dev.sh          environment, then the whole chain on the embedded default
# ./dev.sh test     environment, then the full check
# ./dev.sh check    the full check in place: ruff, mypy, import contracts, tests
# ./dev.sh chain    the chain in place; further arguments go to train.py
# ./dev.sh app      environment, then the app on the latest run; further arguments go to it (--help)
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=.venv/bin/python

environment() {
    local wanted
    wanted=$(cat pyproject.toml .ci/constraints.txt | cksum)
    if [ "$(cat .venv/medxpert.stamp 2>/dev/null)" = "$wanted" ]; then return; fi
    echo "installing into .venv; the first time downloads about 3 GB"
    local extras=cpu,dicom,dev
    if command -v nvidia-smi >/dev/null 2>&1; then extras=gpu,dicom,dev; fi
    if command -v uv >/dev/null 2>&1; then
        [ -x $PYTHON ] || uv venv --quiet .venv
        uv pip install --python $PYTHON -c .ci/constraints.txt -e ".[$extras]"
    else
        [ -x $PYTHON ] || python3 -m venv .venv
        .venv/bin/pip install --disable-pip-version-check -c .ci/constraints.txt -e ".[$extras]"
    fi
    echo "$wanted" >.venv/medxpert.stamp
}

check() {
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports
    $PYTHON -m pytest "$@"
}

chain() {
    local began=$SECONDS
    $PYTHON train.py "$@"
    $PYTHON evaluate.py
    $PYTHON infer.py image=outputs/latest/samples/sample_3.png output=outputs/latest/answers/image
    $PYTHON infer.py "query=large left pleural effusion, no pneumothorax" output=outputs/latest/answers/text
    $PYTHON -m medxpert.summary
    echo "the chain took $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s"
    echo "open the run in a browser: ./dev.sh app run=$(basename "$(readlink -f outputs/latest)")"
}

case "${1:-all}" in
    # no &&: it would let a failed installation go on
    all) environment; chain ;;
    test) environment; check "${@:2}" ;;
    check) check "${@:2}" ;;
    chain) chain "${@:2}" ;;
    app) environment; exec $PYTHON -m medxpert.app "${@:2}" ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
esac
