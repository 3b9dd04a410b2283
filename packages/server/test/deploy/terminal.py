"""Runs a command on a terminal and plays its user: terminal.py '[["pattern", "keys"], …]' command …

Waits for each pattern in the output since the last pattern, then types the keys. Prints the whole
output, and exits with the code of the command.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios

# A command that prints nothing for so long waits for input that no turn gives.
QUIET_SECONDS = 20

turns = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    # A new terminal has no size, so the command would break the line after each character.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])

shown = ""
seen = 0
while True:
    try:
        if not select.select([terminal], [], [], QUIET_SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)
        chunk = os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed.
        break
    if not chunk:
        break
    shown += chunk.decode(errors="replace")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    while turns:
        pattern, keys = turns[0]
        found = re.compile(pattern).search(plain, seen)
        if not found:
            break
        seen = found.end()
        os.write(terminal, keys.encode())
        turns.pop(0)

_, status = os.waitpid(pid, 0)
sys.stdout.write(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))
if turns:
    sys.stdout.write(f"\nnever seen: {turns[0][0]}\n")
sys.exit(os.waitstatus_to_exitcode(status) if not turns else 99)
