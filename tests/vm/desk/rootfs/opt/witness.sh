# Asks each daemon of the demo for a sign of life.
exec > /dev/console 2>&1
until wget -q -O - http://127.0.0.1/ | grep -q tomte; do sleep 0.2; done
echo "HTTPD ANSWERS"
until nc 127.0.0.1 22 < /dev/null | grep -a -o -m 1 'SSH-2.0-dropbear'; do sleep 0.2; done
until tomte logs -u dropbear.service | grep -q 'Child connection from 127.0.0.1'; do sleep 0.2; done
echo "DROPBEAR HAS WRITTEN TO SYSLOG"
until ps | grep -q '^ *[0-9]* ntpd .*ntp engine'; do sleep 0.2; done
echo "NTPD HAS LEFT ROOT: $(tomte is-active ntpd.service)"
