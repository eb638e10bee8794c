class SynapseActor:
    """Keeps a `synapse-worker agent` running on its node, and tells where it listens.

    The agent, not this process, runs the plugin. Hosts that cannot reach the
    agent exchange bytes with it by way of `open` and `exchange`.
    """

    # Seconds that a call listens at most, so that a host which is gone leaves no call waiting for ever; and that
    # a way stays which no host uses.
    LISTENS, UNUSED = 20.0, 90.0

    def __init__(self, key, library, idle):
        import secrets
        import threading

        self.key, self.library, self.idle = key, library, idle
        self.secret = secrets.token_hex(32)
        self.lock = threading.Lock()
        self.child = None
        self.address = None
        self.tunnels, self.opened = {}, 0
        unused = threading.Timer(max(idle, 60), self._end_unused)
        unused.daemon = True
        unused.start()
        threading.Thread(target=self._end_unused_ways, daemon=True).start()

    def _end_unused(self):
        """Nobody asked where the agent is: whoever had this actor made is gone."""
        import ray

        with self.lock:
            if self.child is None:
                ray.kill(ray.get_runtime_context().current_actor)

    def _end_unused_ways(self):
        """Hosts are gone without a word when their process is ended; each left a connection to the agent."""
        import time

        while True:
            time.sleep(self.UNUSED / 8)
            last = time.monotonic() - self.UNUSED
            with self.lock:
                unused = [number for number, way in self.tunnels.items() if way["used"] < last]
            for number in unused:
                self.close(number)

    def place(self):
        """Where the agent listens, as JSON; it is started if it does not run."""
        import json

        with self.lock:
            if self.child is None or self.child.poll() is not None:
                self._start()
            return json.dumps({"address": self.address, "secret": self.secret}).encode()

    def _start(self):
        import os
        import subprocess
        import threading

        import ray
        from ray.experimental.internal_kv import _internal_kv_put

        worker = os.path.abspath("synapse-worker")
        os.chmod(worker, 0o755)
        node = ray.util.get_node_ip_address()
        command = [worker, "agent", "--library", os.path.abspath(self.library)]
        command += ["--listen", node, "--idle", str(self.idle)]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            os.write(child.stdin.fileno(), self.secret.encode() + b"\n")
        except BrokenPipeError:
            pass  # It could not start, and says below why.
        line = child.stdout.readline().decode().split()
        if line[:1] != ["LISTEN"]:
            child.stdin.close()
            raise RuntimeError("SYNAPSE " + child.stderr.read().decode(errors="replace").strip())
        self.child, self.address = child, line[1]
        for pipe in (child.stdout, child.stderr):
            threading.Thread(target=self._pass_on, args=(pipe,), daemon=True).start()
        threading.Thread(target=self._watch, args=(child,), daemon=True).start()
        place = '{"address": "%s", "secret": "%s"}' % (self.address, self.secret)
        _internal_kv_put(self.key.encode(), place.encode(), overwrite=True)

    def _pass_on(self, pipe):
        import sys

        for line in pipe:
            sys.stderr.write(line.decode(errors="replace"))

    def _watch(self, child):
        import ray
        from ray.experimental.internal_kv import _internal_kv_del

        # 0 is the end of an agent that nobody has used for long.
        if child.wait() == 0:
            _internal_kv_del(self.key.encode())
            ray.kill(ray.get_runtime_context().current_actor)
        else:
            with self.lock:
                if self.child is child:
                    self._start()

    def open(self):
        """A way to the agent, as a number in digits."""
        import socket
        import threading
        import time

        self.place()
        host, port = self.address.rsplit(":", 1)
        connection = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.opened += 1
            number = self.opened
            self.tunnels[number] = {
                "connection": connection,
                "used": time.monotonic(),
                # Whose turn it is to send, who has had it before, and how much was heard so far.
                "turn": 0,
                "passed": set(),
                "heard": 0,
                "turns": threading.Condition(),
                "sending": threading.Lock(),
                "hearing": threading.Lock(),
            }
        return str(number).encode()

    def exchange(self, number, turn, data, listens):
        """Passes bytes on when it is their turn, and waits for what the agent says next.

        No bytes are the end, and None is nothing. Calls are made before others
        have returned, and Ray may start them in any order: so turns are counted,
        and before what the agent says stands, in eight bytes, its own number.
        Without a number nothing was said for as long as a call may take.
        """
        import time

        way = self.tunnels[number]
        way["used"] = time.monotonic()
        if data is not None:
            with way["turns"]:
                way["turns"].wait_for(lambda: way["turn"] in (turn, None))
            with way["sending"]:
                try:
                    self._say(way["connection"], data)
                except OSError:
                    pass  # Whoever listens hears the end.
        # Who only listens waits for nobody: the agent may not read on before it is heard.
        with way["turns"]:
            way["passed"].add(turn)
            while way["turn"] in way["passed"]:
                way["passed"].remove(way["turn"])
                way["turn"] += 1
            way["turns"].notify_all()
        if not listens:
            return b""
        with way["hearing"]:
            if way["turn"] is not None and not self._speaks(way["connection"], self.LISTENS):
                # Several calls may have listened, one after the other; the host asks again after the last.
                way["used"] = time.monotonic()
                return b""
            heard = way["heard"].to_bytes(8, "little")
            way["heard"] += 1
            try:
                return heard + self._hear(way["connection"])
            except OSError:
                return heard

    def _say(self, connection, data):
        import socket

        if data:
            connection.sendall(data)
        else:
            connection.shutdown(socket.SHUT_WR)

    def _speaks(self, connection, seconds):
        """Whether there is something to hear, or the end, within this time."""
        import select

        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _hear(self, connection):
        data = connection.recv(1 << 16)
        # Where there is much, more comes in a moment; a call for each little piece would be slow.
        if len(data) < 1 << 16:
            return data
        pieces, size = [data], len(data)
        while size < 16 << 20 and self._speaks(connection, 0.005):
            data = connection.recv(min((16 << 20) - size, 4 << 20))
            if not data:
                break
            pieces.append(data)
            size += len(data)
        return b"".join(pieces)

    def close(self, number):
        """Ends a way."""
        import socket

        way = self.tunnels.pop(number, None)
        if way is None:
            return b""
        try:
            way["connection"].shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        with way["turns"]:
            way["turn"] = None
            way["turns"].notify_all()
        with way["sending"], way["hearing"]:
            way["connection"].close()
        return b""
