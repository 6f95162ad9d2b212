"""A client of tomte's control protocol, written from nothing but the documentation of src/wire (mod.rs and the lists of
words in state.rs). What it is told has to be what `tomte --json` tells."""
import json
import socket
import subprocess
import sys

VERSION = 7
MANAGER, UNITS, UNIT, START, STOP, RESTART = range(6)
POSTURE, KILL = 14, 16
(R_MANAGER, R_UNIT, R_END, R_JOB, R_ACCEPTED, R_NO_SUCH_UNIT, R_DENIED, R_BUSY, R_MALFORMED, R_VERSION,
 R_SETTING, R_REFUSED) = range(12)

UNIT_TYPES = "service target socket timer path mount swap".split()
ACTIVE = "inactive activating active reloading deactivating failed".split()
SUB = ("dead condition start-pre start start-post running exited reload reload-signal reload-notify stop stop-watchdog "
       "stop-sigterm stop-sigkill stop-post final-watchdog final-sigterm final-sigkill failed auto-restart active "
       "listening waiting elapsed mounting mounted remounting unmounting activating deactivating start-chown stop-pre "
       "stop-pre-sigterm stop-pre-sigkill").split()
RESULTS = ("success exit-code signal core-dump timeout watchdog start-limit-hit resources protocol exec-condition "
           "oom-kill trigger-limit-hit service-start-limit-hit unit-start-limit-hit").split()
ENDS = "exited killed dumped".split()
JOBS = "done canceled timeout failed dependency skipped assert invalid".split()


class Packet:
    """What is left of one."""

    def __init__(self, data):
        self.data = data

    def byte(self):
        value, self.data = self.data[0], self.data[1:]
        return value

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def raw(self, length):
        value, self.data = self.data[:length], self.data[length:]
        return value

    def text(self):
        return self.raw(self.number()).decode()

    def option(self, read):
        return read() if self.byte() else None


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def text(value):
    value = value.encode()
    return number(len(value)) + value


def unit_of(packet):
    unit = {"id": packet.number(), "name": packet.text(), "description": packet.text()}
    unit["type"] = UNIT_TYPES[packet.byte()]
    unit["active"] = ACTIVE[packet.byte()]
    unit["sub"] = SUB[packet.byte()]
    unit["result"] = RESULTS[packet.byte()]
    unit["main_pid"] = packet.number() or None
    unit["main_code"], unit["main_status"] = packet.option(lambda: (ENDS[packet.byte()], packet.byte())) or (None, None)
    unit["failure"] = packet.option(lambda: (packet.byte(), packet.number()))
    unit["uid"] = packet.option(packet.number)
    unit["gid"] = packet.option(packet.number)
    for key in "restarts", "started_us", "ready_us", "ended_us":
        unit[key] = packet.number()
    unit["status"] = packet.text()
    unit["errno"] = packet.number()
    unit["fingerprint"] = packet.number()
    unit["next_us"] = packet.number()
    unit["last_us"] = packet.number()
    assert not packet.data, "a packet has more than the document says"
    return unit


class Client:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect("/run/tomte/control")

    def tell(self, variant, body=b"", version=VERSION):
        self.socket.send(bytes([version, variant]) + body)

    def hear(self):
        packet = Packet(self.socket.recv(4096))
        assert packet.byte() == VERSION
        return packet.byte(), packet

    def ask(self, *request, **how):
        self.tell(*request, **how)
        return self.hear()

    def units(self):
        start, units = 0, []
        while start is not None:
            kind, packet = self.ask(UNITS, number(start))
            while kind == R_UNIT:
                units.append(unit_of(packet))
                kind, packet = self.hear()
            assert kind == R_END, kind
            start = packet.option(packet.number)
        return units


client = Client()
told = {unit["name"]: unit for unit in json.loads(subprocess.check_output(["tomte", "list-units", "--json"]))}
mine = {unit["name"]: unit for unit in client.units()}
mine = {name: unit for name, unit in mine.items() if name in told}
assert told.keys() == mine.keys() and len(mine) > 8, (told.keys(), mine.keys())
for name, unit in told.items():
    different = {key for key in unit.keys() & mine[name].keys() if key != "failure" and unit[key] != mine[name][key]}
    assert not different, (name, different, unit, mine[name])
print("UNITS AS TOLD")

kind, packet = client.ask(UNIT, text("failed.service"))
failure = unit_of(packet)["failure"]
print("FAILURE errno", failure[1])
kind, packet = client.ask(MANAGER)
print("MANAGER", kind, packet.text(), packet.text(), packet.text())
print("NOBODY", client.ask(UNIT, text("nosuch.service"))[0] == R_NO_SUCH_UNIT)
settings = []
kind, packet = client.ask(POSTURE, number(mine["bystander.service"]["id"]))
while kind == R_SETTING:
    settings.append([packet.text() for _ in range(4)])
    kind, packet = client.hear()
print("POSTURE", kind == R_DENIED or ["bystander.service", "NoNewPrivileges=yes", "applied", ""] in settings)

kind, packet = client.ask(RESTART, text("bystander.service"))
print("RESTART", JOBS[packet.byte()] if kind == R_JOB else kind)
kind, packet = client.ask(START, text("nosuch.service"))
print("START", sys.argv[1], kind)
kind, packet = client.ask(KILL, text("bystander.service") + bytes([0, 18]))
print("KILL", sys.argv[1], kind)
kind, packet = client.ask(MANAGER, version=VERSION + 1)
print("VERSION", kind == R_VERSION and packet.byte() == VERSION)
print("MALFORMED", client.ask(99)[0] == R_MALFORMED, client.ask(START, b"\xff")[0] == R_MALFORMED)
