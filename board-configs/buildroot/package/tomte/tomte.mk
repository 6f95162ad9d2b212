################################################################################
#
# tomte
#
################################################################################

TOMTE_VERSION = 0.1.0
TOMTE_SITE = $(call qstrip,$(BR2_PACKAGE_TOMTE_SOURCE_PATH))
TOMTE_SITE_METHOD = local
TOMTE_LICENSE = MIT or Apache-2.0
TOMTE_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
TOMTE_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude target

# What bakes: the target binary is made by board/tomte/post-build.sh, when all
# files of the image are there.
define TOMTE_BUILD_CMDS
	cargo build --release --locked --manifest-path $(@D)/xtask/Cargo.toml
endef

# Users of packages are added to the image after the last post-build script:
# until then they stand here.
define TOMTE_USERS_TABLE
	$(call PRINTF,$(PACKAGES_USERS)) > $(TOMTE_DIR)/users-table.txt
	cat $(call qstrip,$(BR2_ROOTFS_USERS_TABLES)) /dev/null \
		>> $(TOMTE_DIR)/users-table.txt
endef
TOMTE_TARGET_FINALIZE_HOOKS += TOMTE_USERS_TABLE

$(eval $(generic-package))
