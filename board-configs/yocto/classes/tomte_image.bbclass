# Checks the unit files of an image against what is really in it, bakes them, and installs tomte as /sbin/init with the
# table in it. All problems end do_rootfs, with the line of the unit file.

# A folder with board.toml, units/ and uids.lock, in a layer of yours: keep uids.lock under version control, as it says
# which user owns what on the flash of devices in the field.
TOMTE_BOARD ?= ""
TOMTE_BOARD[doc] = "The board folder that is baked into images"

# Where what cargo builds is kept between images.
TOMTE_BUILD ?= "${TMPDIR}/tomte"

tomte_install() {
    if [ -z "${TOMTE_BOARD}" ]; then
        bbfatal "TOMTE_BOARD is not set: it names a folder with a board.toml"
    fi
    units=""
    for folder in ${IMAGE_ROOTFS}${systemd_system_unitdir} ${IMAGE_ROOTFS}${sysconfdir}/systemd/system; do
        if [ -d "$folder" ]; then
            units="$units --units $folder"
        fi
    done
    mkdir -p "${TOMTE_BUILD}"
    CARGO_TARGET_DIR="${TOMTE_BUILD}" cargo run --quiet --release --locked \
        --manifest-path "${TOMTE_SOURCE}/xtask/Cargo.toml" -- \
        install "${TOMTE_BOARD}" "${IMAGE_ROOTFS}" $units
}
# Crates come from the network unless cargo is told otherwise (cargo vendor).
do_rootfs[network] = "1"

ROOTFS_POSTPROCESS_COMMAND:append = " tomte_install;"
