"""Plays systemd's part: binds a UDP and a TCP socket, and runs a command with them as descriptors 3 and 4.

service-manager.py PORT COMMAND… — for each line "start" or "stop" on stdin, starts the command or ends it with SIGTERM and waits.
What the command tells the notification socket is printed, a message a line, newlines as "|".
"""
import os
import signal
import socket
import sys
import tempfile
import threading

port, command = int(sys.argv[1]), sys.argv[2:]
tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(("127.0.0.1", port))
tcp.listen(64)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", port))
folder = tempfile.TemporaryDirectory()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(os.path.join(folder.name, "notify"))


def listen():
    while True:
        print(notify.recv(4096).decode().replace("\n", "|"), flush=True)


def start():
    pid = os.fork()
    if pid:
        return pid
    os.environ.update(
        LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", NOTIFY_SOCKET=notify.getsockname(), WATCHDOG_USEC="2000000"
    )
    for target, source in ((13, tcp), (14, udp)):
        os.dup2(source.fileno(), target)
    for target in (3, 4):
        os.dup2(target + 10, target, inheritable=True)
    os.execvp(command[0], command)


threading.Thread(target=listen, daemon=True).start()
child = 0
for line in sys.stdin:
    if line.strip() == "start":
        child = start()
    elif child:
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)
        child = 0
if child:
    os.kill(child, signal.SIGKILL)
