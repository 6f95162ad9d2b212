#!/bin/sh
# BR2_ROOTFS_POST_BUILD_SCRIPT: checks the unit files against what is really in the target folder, bakes them, and
# installs /sbin/init. Buildroot calls it with the target folder, and names its configuration and its build folder.
set -e
target=$1
value() {
	sed -n "s/^$1=\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\}\$/\\1/p" "$BR2_CONFIG"
}
board=$(value BR2_PACKAGE_TOMTE_BOARD)
set --
if [ "$(value BR2_PACKAGE_TOMTE_PACKAGES_UNITS)" = y ]; then
	for folder in "$target/usr/lib/systemd/system" "$target/etc/systemd/system"; do
		if [ -d "$folder" ]; then
			set -- "$@" --units "$folder"
		fi
	done
fi
for sources in "$BUILD_DIR"/tomte-*; do
	"$sources/xtask/target/release/xtask" install "$board" "$target" --users-table "$sources/users-table.txt" "$@"
	exit
done
