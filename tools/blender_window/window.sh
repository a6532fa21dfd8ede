#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a Python script in a real Blender window on a virtual screen: window.sh ROOM OUT SCRIPT [ARGUMENT ...]
# As root. ROOM comes from make_room.sh; pictures and Blender's settings go to OUT. The script sees this checkout and
# OUT at their own places, and `howard` is the checkout's (or HOWARD, where that is set). Ends with the script's exit
# code, after WINDOW_SECONDS (600) in any case, and leaves no process and no mount behind.
set -eu
[ $# -ge 3 ] || { sed -n '3,6s/^# //p' "$0"; exit 2; }
WINDOW_HERE=$(cd "$(dirname "$0")" && pwd)
WINDOW_CHECKOUT=$(cd "$WINDOW_HERE/../.." && pwd)
WINDOW_ROOM=$(cd "$1" && pwd)
mkdir -p "$2"
WINDOW_OUT=$(cd "$2" && pwd)
WINDOW_SCRIPT=$(cd "$(dirname "$3")" && pwd)/$(basename "$3")
shift 3
[ "$(id -u)" = 0 ] || { echo "window.sh mounts and changes root: run it as root." >&2; exit 1; }
[ -x "$WINDOW_ROOM/usr/bin/blender" ] || { echo "$WINDOW_ROOM is no room: make_room.sh $WINDOW_ROOM" >&2; exit 1; }

export HOWARD_ON_HOST="${HOWARD:-$WINDOW_CHECKOUT/.venv/bin/howard}"
unset HOWARD
cat >"$WINDOW_ROOM/usr/local/bin/howard" <<'HOWARD'
#!/bin/sh
# Howard lives outside of the room: go there, where its Python is.
exec chroot /host "$HOWARD_ON_HOST" "$@"
HOWARD
chmod +x "$WINDOW_ROOM/usr/local/bin/howard"

export WINDOW_ROOM WINDOW_HERE WINDOW_CHECKOUT WINDOW_OUT WINDOW_SCRIPT WINDOW_SECONDS="${WINDOW_SECONDS:-600}"
# Mounts and processes of its own: when the first one ends, the kernel removes all the rest.
exec unshare --mount --pid --fork --kill-child -- sh -euc '
    mount --rbind / "$WINDOW_ROOM/host"
    mount -t proc proc "$WINDOW_ROOM/host/proc"
    # Blender hands its own OpenColorIO configuration to howard by its path.
    mount -t overlay overlay -o "lowerdir=/usr/share:$WINDOW_ROOM/usr/share" "$WINDOW_ROOM/host/usr/share"
    mount --rbind /dev "$WINDOW_ROOM/dev"
    mount -t proc proc "$WINDOW_ROOM/proc"
    mount -t tmpfs tmpfs "$WINDOW_ROOM/tmp"
    for shared in "$WINDOW_CHECKOUT" "$WINDOW_OUT" "$(dirname "$WINDOW_SCRIPT")"; do
        mkdir -p "$WINDOW_ROOM$shared"
        mount --bind "$shared" "$WINDOW_ROOM$shared"
    done
    exec timeout -k 10 "$WINDOW_SECONDS" chroot "$WINDOW_ROOM" "$WINDOW_HERE/inside.sh" "$WINDOW_SCRIPT" "$@"
' sh "$@"
