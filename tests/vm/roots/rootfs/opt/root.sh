# One root of the machine. Which one it is says a file that lies over all of them.
echo . >> /kept
root=$(wc -l < /kept)
parent=$(grep ' / / ' /proc/self/mountinfo | tail -n 1 | cut -d ' ' -f 2)
if dmesg | grep -q 'recovery complete'; then how="AFTER A POWER CUT"; else how="IN ORDER"; fi
echo "ROOT $root IS $(grep ' / ' /proc/mounts | tail -n 1 | cut -d ' ' -f 3), UPPER ON $(grep -c '^/dev/vda3 /run/tomte-overlay ext4' /proc/mounts), $how"
case $root in
1)
    # What the test has on two disks more: this kernel, as kexec_file_load(2) takes it, and the initramfs.
    cat /dev/vdb > /run/kernel
    cat /dev/vdc > /run/initramfs
    tool kexec /run/kernel /run/initramfs "$(cat /proc/cmdline) kexeced" && echo "KERNEL IS LOADED" && tomte kexec
    ;;
2)
    echo "KEXECED $(grep -c kexeced /proc/cmdline)"
    mkdir /run/nextroot
    mount -t tmpfs -o mode=0755 next /run/nextroot
    cd /run/nextroot
    mkdir dev proc root run sys tmp usr usr/bin var
    cp -a /bin /etc /opt /sbin /www .
    echo "$parent" > /run/parent
    : > next
    # systemd's signal for a soft reboot: SIGRTMIN+7.
    kill -41 1
    ;;
3)
    # A root that pivot_root(2) has put in the place of another lies where that did; else it would lie on it.
    if [ -e /next ]; then echo "NEXT ROOT LIES ON THE SAME: $parent $(cat /run/parent)"; fi
    reboot
    ;;
esac
