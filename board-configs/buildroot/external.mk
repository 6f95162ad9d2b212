include $(sort $(wildcard $(BR2_EXTERNAL_TOMTE_PATH)/package/*/*.mk))
