"""The other machine: keeps the datagrams that come."""
import os
import socket

remote = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
remote.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
remote.bind(("127.0.0.1", 5514))
said = open("/tmp/remote", "wb", 0)
ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ready.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    said.write(remote.recv(65536) + b"\n")
