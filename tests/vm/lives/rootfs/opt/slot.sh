# Stands for what tells a boot loader to take the other slot.
if dmesg | grep -q 'recovery complete'; then how="AFTER A POWER CUT"; else how="IN ORDER"; fi
echo "OTHER SLOT AFTER LIFE $(wc -c < /var/boot-count), BEGUN $how" > /dev/console
