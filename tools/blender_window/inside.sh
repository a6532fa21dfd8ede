#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The part of window.sh inside the room: a screen, a window manager, Blender.
set -eu
WINDOW_SCRIPT=$1
shift
export HOME="$WINDOW_OUT" XDG_RUNTIME_DIR=/tmp LIBGL_ALWAYS_SOFTWARE=1 LANG=C.UTF-8
export BLENDER_USER_RESOURCES="$WINDOW_OUT/blender-user" PYTHONPATH="$WINDOW_HERE" PYTHONDONTWRITEBYTECODE=1
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
cd "$WINDOW_CHECKOUT"
mkdir -p /tmp/.X11-unix
size="${WINDOW_SIZE:-1920x1080}"

mkfifo /tmp/display
Xvfb -displayfd 3 -screen 0 "${size}x24" -nolisten tcp -noreset 3>/tmp/display >"$WINDOW_OUT/xvfb.log" 2>&1 &
read -r number </tmp/display
export DISPLAY=":$number"
openbox >"$WINDOW_OUT/openbox.log" 2>&1 &

# Its Python has to see PYTHONPATH, for window.py.
blender --factory-startup --python-use-system-env --gpu-backend opengl \
    --window-fullscreen --python-exit-code 1 --python "$WINDOW_SCRIPT" -- "$@" >"$WINDOW_OUT/blender.log" 2>&1 &&
    code=0 || code=$?
# What is drawn fails in the log alone.
! grep -q "Python script error" "$WINDOW_OUT/blender.log" || code=1
[ "$code" = 0 ] || tail -n 30 "$WINDOW_OUT/blender.log" >&2
exit "$code"
