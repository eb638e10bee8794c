"""Tests the application of shim.py by itself: without Ray, with a worker that is a script.

    python3 synapse-host/src/run/endpoint/test_shim.py
"""

import asyncio
import os
import pickle
import sys
import tempfile
import types
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))

# Answers as a worker does: with what it was asked, in pieces, never, or by ending.
WORKER = f"""#!{sys.executable}
import os, socket, struct, sys
assert sys.argv[1:] == ["endpoint"], sys.argv
line = socket.socket(fileno=0)
HEADER = struct.Struct("<IHHQ")
def send(kind, flags, number, payload):
    line.sendall(HEADER.pack(len(payload), kind, flags, number) + payload)
def reply(number, status, body, flags=0):
    send(21, flags, number, struct.pack("<HI", status, 10) + b"text/plain" + body)
def read(length):
    data = b""
    while len(data) < length:
        more = line.recv(length - len(data))
        if not more:
            os._exit(0)
        data += more
    return data
spec = os.environ["SYNAPSE_ENDPOINT"]
if spec == "broken":
    reply(0, 500, b'{{"error": 1}}')
    sys.exit(1)
if spec == "silent":
    sys.exit(3)
reply(0, 200, b"")
cancelled = []
while True:
    length, kind, flags, number = HEADER.unpack(read(16))
    payload = read(length)
    if kind == 9:
        cancelled.append(number)
        continue
    size = struct.unpack_from("<I", payload)[0]
    head, body = payload[4:4 + size].decode(), payload[4 + size:]
    if "/end" in head:
        os._exit(7)
    if "/cancelled" in head:
        reply(number, 200, str(len(cancelled)).encode())
    elif "/never" in head:
        pass
    elif "stream" in head:
        reply(number, 200, b"", 1)
        for piece in range(int(body)):
            send(22, 1, number, b"piece %d " % piece)
        if "rest" not in head:
            send(22, 0, number, b"")
    else:
        reply(number, 418, head.encode() + b"|" + body)
"""


class Response:
    """What of Starlette the application uses."""

    def __init__(self, content, status_code=200, media_type=None):
        self.content, self.status, self.media_type = content, status_code, media_type


class Request:
    def __init__(self, method, path, query=b"", body=b"", root="/there"):
        self.scope = {"method": method, "path": root + path, "root_path": root, "query_string": query}
        self.content = body

    async def body(self):
        return self.content


class Disconnected(Exception):
    pass


class Receive:
    """What of Ray's own class the application uses: it asks the proxy for messages."""

    def __init__(self, *answers):
        self._request_metadata = "which request"
        self._receive_asgi_messages = self.ask
        self.answers, self.asked = list(answers), 0

    async def ask(self, about):
        assert about == "which request"
        self.asked += 1
        if not self.answers:
            raise KeyError(about)
        return pickle.dumps(self.answers.pop(0))


class RayRequest(Request):
    def __init__(self, headers, *answers):
        super().__init__("POST", "/")
        self.scope["headers"] = headers
        self.receive = Receive(*answers)

    async def body(self):
        raise AssertionError("Ray would ask its proxy again and again")


def names():
    starlette = types.ModuleType("starlette")
    responses = types.ModuleType("starlette.responses")
    responses.Response = responses.StreamingResponse = Response
    requests = types.ModuleType("starlette.requests")
    requests.ClientDisconnect = Disconnected
    sys.modules.update(
        {"starlette": starlette, "starlette.responses": responses, "starlette.requests": requests}
    )
    found = {}
    with open(os.path.join(HERE, "shim.py")) as source:
        exec(source.read(), found)
    return found


class ShimTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.before = os.getcwd()
        os.chdir(self.folder.name)
        with open("synapse-worker", "w") as file:
            file.write(WORKER)
        # As an older Ray would unpack it.
        os.chmod("synapse-worker", 0o644)
        self.action = None

    def tearDown(self):
        if self.action:
            self.action.child.kill()
            self.action.child.wait(20)
        os.chdir(self.before)
        self.folder.cleanup()

    async def replica(self, spec="good"):
        # As Ray makes it, where `__init__` is to be waited for.
        kind = names()["Action"]
        action = kind.__new__(kind)
        await action.__init__(spec)
        self.action = action
        return action

    async def test_a_setup_that_takes_long_leaves_ray_its_thread(self):
        with open("synapse-worker", "w") as file:
            file.write(WORKER.replace("reply(0, 200", "import time; time.sleep(0.5); reply(0, 200"))
        making = asyncio.create_task(self.replica())
        turns = 0
        while not making.done():
            await asyncio.sleep(0.01)
            turns += 1
        await making
        self.assertGreater(turns, 5)

    async def test_a_request_goes_there_and_its_answer_back(self):
        answer = await (await self.replica())(Request("POST", "/a", b"q=1", b'{"n": 1}'))
        self.assertEqual((answer.status, answer.media_type), (418, "text/plain"))
        self.assertEqual(answer.content, b'POST /a?q=1|{"n": 1}')
        self.assertEqual(self.action.line.waiting, {})

    async def test_the_proxy_is_asked_for_a_body_only_and_as_long_as_there_is_more(self):
        replica = await self.replica()
        length = [(b"content-length", b"9")]

        def part(body, more=False):
            return {"type": "http.request", "body": body, "more_body": more}

        for headers, answers, asked, body in [
            ([], [], 0, b""),
            ([(b"content-length", b"0")], [], 0, b""),
            (length, [[part(b'{"n": 1}')]], 1, b'{"n": 1}'),
            ([(b"transfer-encoding", b"chunked")], [[part(b'{"n"', True)], [part(b": ", True), part(b"1}")]], 2, b'{"n": 1}'),
        ]:
            request = RayRequest(headers, *answers)
            # As Ray does: what it starts then must not ask the proxy either.
            fetching = asyncio.create_task(self.fetch(request.receive))
            answer = await replica(request)
            self.assertEqual(answer.content, b"POST /?|" + body)
            self.assertEqual(request.receive.asked, asked)
            self.assertFalse(fetching.done())
            fetching.cancel()
        for answers in ([], [[{"type": "http.disconnect"}]], [[part(b"{", True)], [{"type": "http.disconnect"}]]):
            with self.assertRaises(Disconnected):
                await replica(RayRequest(length, *answers))

    async def test_the_proxy_is_looked_up_once_it_is_asked(self):
        looked_up = []

        class Sent:
            @property
            def receive_asgi_messages(self):
                looked_up.append(self)
                return self.ask

            async def ask(self, about):
                return about

        class Older:
            def __init__(self):
                self.receive_asgi_messages = looked_up.append

        for kind in (Sent, Older):
            module = types.ModuleType("ray.serve._private.common")
            module.StreamingHTTPRequest = kind
            packages = {name: types.ModuleType(name) for name in ("ray", "ray.serve", "ray.serve._private")}
            with unittest.mock.patch.dict(sys.modules, {**packages, module.__name__: module}):
                names()["look_up_late"]()
        sent = Sent()
        receive = sent.receive_asgi_messages
        self.assertEqual(looked_up, [])
        self.assertEqual(await receive("which request"), "which request")
        self.assertEqual(looked_up, [sent])
        Older().receive_asgi_messages("as ever")
        self.assertEqual(looked_up, [sent, "as ever"])

    async def fetch(self, receive):
        await receive._receive_asgi_messages(receive._request_metadata)

    async def test_many_at_once_and_long_ones_are_told_apart(self):
        replica = await self.replica()
        bodies = [b"%d" % number * (1 + 50_000 * (number % 5)) for number in range(100)]
        answers = await asyncio.gather(*(replica(Request("POST", "/", b"", body)) for body in bodies))
        self.assertEqual([answer.content for answer in answers], [b"POST /?|" + body for body in bodies])

    async def test_an_answer_in_pieces_is_passed_on_whole_also_to_a_slow_client(self):
        answer = await (await self.replica())(Request("POST", "/", b"stream=1", b"5000"))
        text = b""
        async for piece in answer.content:
            text += piece
            if len(text) % 7 == 0:
                await asyncio.sleep(0)
        self.assertEqual(text, b"".join(b"piece %d " % piece for piece in range(5000)))
        self.assertEqual(self.action.line.waiting, {})

    async def test_a_client_that_leaves_cancels_what_it_asked_for(self):
        replica = await self.replica()
        left = asyncio.create_task(replica(Request("POST", "/never")))
        await asyncio.sleep(0.1)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        answer = await replica(Request("POST", "/", b"stream=rest", b"3"))
        self.assertEqual(await anext(answer.content), b"piece 0 ")
        await answer.content.aclose()
        told = await replica(Request("GET", "/cancelled"))
        self.assertEqual(told.content, b"2")
        self.assertEqual(self.action.line.waiting, {})

    async def test_a_worker_that_ends_costs_what_was_under_way_only(self):
        replica = await self.replica()
        under_way = asyncio.create_task(replica(Request("POST", "/never")))
        await asyncio.sleep(0.1)
        ended = await replica(Request("POST", "/end"))
        self.assertEqual((ended.status, (await under_way).status), (500, 500))
        answers = await asyncio.gather(*(replica(Request("POST", "/again")) for _ in range(5)))
        self.assertEqual({answer.content for answer in answers}, {b"POST /again?|"})

    async def test_why_a_worker_is_not_ready_is_raised(self):
        with self.assertRaisesRegex(RuntimeError, r'^SYNAPSE \{"error": 1\}$'):
            await self.replica("broken")
        with self.assertRaisesRegex(RuntimeError, "^SYNAPSE .+"):
            await self.replica("silent")
        with open("synapse-worker", "w") as file:
            file.write("#!/bin/sh\necho 'version GLIBC_9.99 not found' >&2\nexit 1\n")
        with self.assertRaisesRegex(RuntimeError, "^SYNAPSE version GLIBC_9.99 not found$"):
            await self.replica()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
