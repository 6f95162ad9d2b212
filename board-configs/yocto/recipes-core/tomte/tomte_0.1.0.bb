SUMMARY = "PID 1 for small images, with systemd's unit files baked into it"
DESCRIPTION = "What an image needs of tomte besides the binary, which the class tomte_image makes for each image from \
the unit files that are in it."
SECTION = "base"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://${TOMTE_SOURCE}/LICENSE-MIT;md5=a2068d461ec1548481c5c1961c296a3a \
                    file://${TOMTE_SOURCE}/LICENSE-APACHE;md5=22a53954e4e0ec258dfce4391e905dac"

COMPATIBLE_HOST = "(x86_64|aarch64|arm|riscv64).*-linux"

S = "${WORKDIR}"

inherit allarch

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${base_sbindir} ${D}${base_bindir}
    for name in halt poweroff reboot shutdown; do
        ln -s ${base_sbindir}/init ${D}${base_sbindir}/$name
    done
    ln -s ${base_sbindir}/init ${D}${base_bindir}/tomte
}

FILES:${PN} = "${base_sbindir} ${base_bindir}"

RCONFLICTS:${PN} = "systemd sysvinit busybox-init"
