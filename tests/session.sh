#!/usr/bin/env bash
# A terminal session from a folder of pictures to an exported model and its predictions, as the
# README shows it: session.sh CATPIPE [BACKBONE]. It works in a temporary folder, with a cache of
# its own beside the user's runtime, and prints each command with what it says.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
program=$(realpath "$1")
backbone=${2:-resnet50}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir onnx bin
ln -s "$here/onnx/$backbone.yaml" "$here/onnx/$backbone.onnx" onnx/
ln -s "$program" bin/catpipe
export PATH=$work/bin:$PATH NO_COLOR=1 COLUMNS=100
catpipe synth flowers --classes 3 --train 30 --test 10 >/dev/null
mkdir new && mv flowers/test new/flowers && mv flowers/train/* flowers/ && rmdir flowers/train

show() {
  echo "\$ $*"
  "$@" 2>&1
  echo
}
show catpipe init flowers
show catpipe run pipeline.yaml
# A table is for terminals, so this one gets one; without its progress bar.
predict="catpipe predict runs/flowers/model.onnx new/flowers"
echo "\$ $predict"
script --quiet --return --command "stty cols 100; $predict 2>/dev/null" /dev/null | tr -d '\r'
ls -l runs/flowers | awk 'NR > 1 {print $5, $9}' | column -t >&2
