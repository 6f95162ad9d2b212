# One life of the machine. Which one it is, the count of boots says.
life=$(wc -c < /var/boot-count)
if dmesg | grep -q 'recovery complete'; then echo "LIFE $life AFTER A POWER CUT"; else echo "LIFE $life IN ORDER"; fi
if [ -e /tried ]; then echo "LIFE $life KNOWS OF ANOTHER"; fi
touch /tried && echo "LIFE $life WRITES TO $(grep ' / ' /proc/mounts | cut -d ' ' -f 3), ID OF $(wc -c < /etc/machine-id) MOUNTED $(grep -c machine-id /proc/mounts)"
case $life in
1)
    n=0
    while :; do
        n=$((n + 1))
        echo "the first life says $n"
        if [ $n = 40 ]; then echo "PULL THE PLUG"; fi
        sleep 0.02
    done
    ;;
2)
    tomte logs -b -1 | grep 'the first life says' | tail -n 3 | sed 's/^/BEFORE /'
    tomte logs --json | grep '"_TRANSPORT":"kernel"' | grep -m 1 'Linux version'
    # Swap on a mapped device over a loop device with a file on /var: each has to be let go before the next can be.
    dd if=/dev/zero of=/var/swap bs=1M count=1 2> /dev/null
    losetup /dev/loop0 /var/swap
    tool map mapped /dev/loop0 2048
    mkswap /dev/dm-0 > /dev/null
    swapon /dev/dm-0 && echo "SWAPS $(grep -c dm-0 /proc/swaps)"
    echo "PRESS CTRL-ALT-DEL"
    ;;
5)
    # What sysvinit's telinit writes for runlevel 6.
    printf '\151\031\011\003\001\000\000\000\066\000\000\000' | dd bs=384 count=1 conv=sync of=/run/initctl 2> /dev/null
    ;;
esac
