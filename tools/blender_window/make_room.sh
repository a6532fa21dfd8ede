#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make a folder with Debian sid's Blender and a virtual screen in it: make_room.sh FOLDER [OPTION OF mmdebstrap ...]
# As root; about 50 seconds and 1.2 GB. A mirror that stands still needs, after the folder,
#   --aptopt='Acquire::Check-Valid-Until "false"'
set -eu
[ $# -ge 1 ] || { sed -n '3,5s/^# //p' "$0"; exit 2; }
folder=$1
shift
[ "$(id -u)" = 0 ] || { echo "make_room.sh mounts and changes root: run it as root." >&2; exit 1; }
[ ! -e "$folder" ] || { echo "$folder is there already: remove it first, or use it." >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }

# A room half made would look like a room: it is made beside its place and moved there when whole.
trap 'rm -rf "$folder.part"' EXIT
rm -rf "$folder.part"
mmdebstrap --variant=apt \
    --include=blender,python3-cattr,python3-numpy,python3-requests,xvfb,xauth,xdotool,openbox,imagemagick,libgl1,libegl1,libgl1-mesa-dri \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$@" sid "$folder.part"
mkdir -p "$folder.part/host"
mv "$folder.part" "$folder"
chroot "$folder" blender --version | head -n 1
