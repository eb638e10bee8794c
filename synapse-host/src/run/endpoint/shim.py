"""The application that Ray Serve runs: it passes requests to a `synapse-worker endpoint` and answers back.

The plugin runs below that, never in this process, and what a request means is decided there.
"""

import asyncio
import gc
import os
import pickle
import socket
import struct
import subprocess

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

HEADER = struct.Struct("<IHHQ")
COUNT = struct.Struct("<I")
ANSWER = struct.Struct("<HI")
CANCEL, REQUEST = 9, 20
MORE = 1
# Bytes that are read from the worker at once.
ROOM = 1 << 16
# Chunks of an answer that may wait here until its client takes them.
PLENTY = 64
# Python looks for objects that hold each other, and nobody else holds, when so many more were made than have gone.
NEW_OBJECTS = 10_000


def start(spec):
    """Starts the worker, and gives its process and the socket to it once it is ready."""
    worker = os.path.abspath("synapse-worker")
    os.chmod(worker, 0o755)
    ours, theirs = socket.socketpair()
    with theirs:
        environment = dict(os.environ, SYNAPSE_ENDPOINT=spec)
        try:
            child = subprocess.Popen([worker, "endpoint"], stdin=theirs, env=environment)
        except OSError as error:
            raise RuntimeError("SYNAPSE " + str(error)) from None
    head = ours.recv(HEADER.size, socket.MSG_WAITALL)
    if len(head) < HEADER.size:
        raise RuntimeError("SYNAPSE " + why_not(worker, child))
    payload = ours.recv(HEADER.unpack(head)[0], socket.MSG_WAITALL)
    status, length = ANSWER.unpack_from(payload)
    if status != 200:
        child.wait()
        raise RuntimeError("SYNAPSE " + payload[ANSWER.size + length :].decode())
    return child, ours


def why_not(worker, child):
    """Why a worker ended before it had said a word."""
    said = subprocess.run([worker, "--version"], capture_output=True, text=True, errors="replace")
    return said.stderr.strip() or "the worker ended with %s" % child.wait()


class Line(asyncio.BufferedProtocol):
    """The socket to the worker, for all requests that are under way."""

    def __init__(self):
        self.buffer = bytearray(ROOM)
        self.filled = 0
        # By number: a future of the first frame of an answer, then a queue if there is more of it.
        self.waiting = {}
        self.count = 0
        self.gone = False

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, hint):
        return memoryview(self.buffer)[self.filled :]

    def buffer_updated(self, count):
        at, end, room = 0, self.filled + count, ROOM
        data = memoryview(self.buffer)
        while end - at >= HEADER.size:
            length, _, flags, number = HEADER.unpack_from(data, at)
            begin = at + HEADER.size
            if end - begin < length:
                room = max(ROOM, HEADER.size + length)
                break
            at = begin + length
            self.heard(number, flags, bytes(data[begin:at]))
        # A frame that is longer than the room has one of its own until it is whole.
        rest = data[at:end]
        if room != len(data):
            self.buffer = bytearray(room)
        self.buffer[: len(rest)] = bytes(rest)
        self.filled = len(rest)

    def heard(self, number, flags, data):
        answer = self.waiting.get(number)
        if isinstance(answer, asyncio.Queue):
            answer.put_nowait((flags, data))
            if answer.qsize() > PLENTY:
                self.transport.pause_reading()
        elif answer is not None and not answer.done():
            if flags & MORE:
                self.waiting[number] = asyncio.Queue()
            answer.set_result((flags, data))

    def connection_lost(self, error):
        self.gone = True
        for answer in self.waiting.values():
            if isinstance(answer, asyncio.Queue):
                answer.put_nowait(None)
            elif not answer.done():
                answer.set_result(None)

    def ask(self, head, body):
        """Sends a request; the first of what is answered comes as flags and bytes."""
        self.count += 1
        answer = self.waiting[self.count] = asyncio.get_running_loop().create_future()
        length = COUNT.size + len(head) + len(body)
        self.transport.write(
            b"".join((HEADER.pack(length, REQUEST, 0, self.count), COUNT.pack(len(head)), head, body))
        )
        return self.count, answer

    def done(self, number, whole):
        """The answer has been read, or nobody wants the rest."""
        del self.waiting[number]
        if not self.gone:
            if not whole:
                self.transport.write(HEADER.pack(0, CANCEL, 0, number))
            self.transport.resume_reading()

    async def more(self, number):
        """The chunks of an answer after its head."""
        answer = self.waiting[number]
        whole = False
        try:
            while not whole:
                chunk = await answer.get()
                if chunk is None:
                    raise ConnectionError("the worker ended")
                flags, data = chunk
                whole = not flags & MORE
                if answer.empty():
                    self.transport.resume_reading()
                if data:
                    yield data
        finally:
            self.done(number, whole)


async def body_of(request):
    """The body of a request.

    Ray would ask its proxy for it as soon as anything is waited for here, and then go on asking what the client
    says next. Each of these is a call between processes, and costs as much as half of a small request. So it is
    asked here, and only while there is more to come. When a client leaves the proxy notices, and cancels the rest.
    """
    receive = getattr(request, "receive", None)
    ask = getattr(receive, "_receive_asgi_messages", None)
    about = getattr(receive, "_request_metadata", None)
    if ask is None or about is None:
        return await request.body()
    receive._receive_asgi_messages = never
    if is_empty(request.scope["headers"]):
        return b""
    parts = []
    while True:
        try:
            messages = pickle.loads(await ask(about))
        except KeyError:  # The proxy does not know the request any more.
            raise ClientDisconnect() from None
        for message in messages:
            if message["type"] != "http.request":
                raise ClientDisconnect()
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)


async def never(about):
    await asyncio.Future()


def look_up_late():
    """Ray looks up its proxy for every request, before it is known whether it has to be asked for anything. Here it does
    so once it is asked.
    """
    try:
        from ray.serve._private.common import StreamingHTTPRequest as Sent
    except ImportError:
        return
    early = vars(Sent).get("receive_asgi_messages")
    # Releases up to 2.40 send the proxy along.
    if isinstance(early, property):
        Sent.receive_asgi_messages = property(lambda sent: lambda about: early.fget(sent)(about))


def is_empty(headers):
    """Whether a request has no body."""
    headers = dict(headers)
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


class Action:
    """A replica: one worker, started again when it has ended."""

    async def __init__(self, spec):
        self.spec = spec
        look_up_late()
        # A setup may take long, and Ray speaks with the replica meanwhile.
        self.child, self.socket = await asyncio.to_thread(start, spec)
        self.line = None
        self.starting = None
        # As Ray's proxies do: what is there by now stays, and need not be gone through again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS)

    async def __call__(self, request):
        body = await body_of(request)
        scope = request.scope
        path, root = scope["path"], scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        head = b"%s %s?%s" % (scope["method"].encode(), path.encode(), scope["query_string"])
        line = self.line
        if line is None or line.gone:
            line = await self.connected()
        return await self.answer(line, head, body)

    async def answer(self, line, head, body):
        number, answer = line.ask(head, body)
        flags = MORE
        handed_on = False
        try:
            first = await answer
            if first is None:
                return Response(ENDED, 500, media_type="application/json")
            flags, payload = first
            status, length = ANSWER.unpack_from(payload)
            end = ANSWER.size + length
            media_type = payload[ANSWER.size : end].decode()
            if flags & MORE:
                handed_on = True
                return StreamingResponse(line.more(number), status, media_type=media_type)
            return Response(payload[end:], status, media_type=media_type)
        finally:
            if not handed_on:
                line.done(number, not flags & MORE)

    async def connected(self):
        """The line to the worker; who comes while it is started waits for it."""
        if self.starting is None:
            self.starting = asyncio.Lock()
        async with self.starting:
            if self.line is None or self.line.gone:
                if self.line is not None or self.child.poll() is not None:
                    self.child, self.socket = await asyncio.to_thread(start, self.spec)
                loop = asyncio.get_running_loop()
                _, self.line = await loop.create_unix_connection(Line, sock=self.socket)
            return self.line


ENDED = b'{"error":{"kind":"worker_crashed","message":"the worker of this replica ended","details":{}}}'


def build(args):
    """What Ray Serve is told to run."""
    from ray import serve

    return serve.deployment(Action, name="action").bind(args["endpoint"])
