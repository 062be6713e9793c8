#!/usr/bin/env bash
# Makes assets/hero.gif: an early psiphi novice, which still learns much by acting as the others would.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
uv run --no-sync socialrl run experiments/coin_grid.py --arms psiphi --seeds 1 --steps 3200 --out "$out/run"
uv run --no-sync socialrl view "$out/run/replays/psiphi-seed0.npz" --export assets/hero.gif --episode 2 --size 800x500 --fps 4
