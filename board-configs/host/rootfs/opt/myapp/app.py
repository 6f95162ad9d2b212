#!/usr/bin/python3
"""A small service: says who it is and what it was given, then beats.

The heartbeat goes to stdout and, when there is a state directory, into a file there, so that a later start finds
what an earlier one left.
"""

import os
import signal
import stat
import sys
import time

KINDS = ("RUNTIME", "STATE", "CACHE", "LOGS", "CONFIGURATION")
PERIOD_SECONDS = 5


def say(text):
    print(text, flush=True)


def directories():
    """(kind, path) of every directory the service manager made."""
    for kind in KINDS:
        for path in filter(None, os.environ.get(f"{kind}_DIRECTORY", "").split(":")):
            yield kind.lower(), path


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    groups = ",".join(map(str, os.getgroups()))
    say(f"uid={os.getuid()} gid={os.getgid()} groups={groups} pid={os.getpid()}")
    heartbeat = None
    for kind, path in directories():
        found = os.stat(path)
        say(f"{kind} directory {path} mode={stat.S_IMODE(found.st_mode):04o} owner={found.st_uid}:{found.st_gid}")
        if kind == "state":
            heartbeat = os.path.join(path, "heartbeat")
    beat = 0
    if heartbeat and os.path.exists(heartbeat):
        with open(heartbeat, encoding="ascii") as file:
            beat = int(file.read() or 0)
        say(f"heartbeat goes on after {beat}")
    while True:
        beat += 1
        say(f"heartbeat {beat}")
        if heartbeat:
            with open(heartbeat, "w", encoding="ascii") as file:
                file.write(str(beat))
        time.sleep(PERIOD_SECONDS)


main()
