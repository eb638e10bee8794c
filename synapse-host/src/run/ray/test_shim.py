"""Tests the actor of shim.py by itself, with a Ray of its own making and a worker that is a script.

    python3 synapse-host/src/run/ray/test_shim.py
"""

import json
import os
import socket
import stat
import sys
import tempfile
import threading
import time
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

# Listens as an agent does, echoes what it hears, ends with its standard input or when it hears `idle`.
WORKER = f"""#!{sys.executable}
import socket, sys, os, threading
secret = sys.stdin.readline().strip()
assert len(secret) == 64, secret
assert sys.argv[1:3] == ["agent", "--library"], sys.argv
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0))
print("LISTEN 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    while True:
        heard = connection.recv(1 << 16)
        if heard == b"idle":
            os._exit(0)
        if heard == b"crash":
            os._exit(7)
        if not heard:
            break
        connection.sendall(heard)
    connection.close()
"""
BROKEN = "#!/bin/sh\necho \"version GLIBC_9.99 not found\" >&2\nexit 1\n"


class Ray:
    """What of Ray the actor uses."""

    def __init__(self):
        self.kept, self.killed = {}, threading.Event()
        ray = types.ModuleType("ray")
        ray.util = types.SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1")
        ray.get_runtime_context = lambda: types.SimpleNamespace(current_actor="me")
        ray.kill = lambda actor: self.killed.set()
        store = types.ModuleType("ray.experimental.internal_kv")
        store._internal_kv_put = lambda key, value, overwrite: self.kept.update({key: value})
        store._internal_kv_del = lambda key: self.kept.pop(key, None)
        sys.modules["ray"] = ray
        sys.modules["ray.experimental"] = types.ModuleType("ray.experimental")
        sys.modules["ray.experimental.internal_kv"] = store


def numbered(number, data):
    return number.to_bytes(8, "little") + data


def until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


class ShimTest(unittest.TestCase):
    def setUp(self):
        self.ray = Ray()
        self.folder = tempfile.TemporaryDirectory()
        self.before = os.getcwd()
        os.chdir(self.folder.name)
        self.actors = []

    def tearDown(self):
        for actor in self.actors:
            if actor.child:
                actor.child.stdin.close()
                actor.child.wait(20)
        os.chdir(self.before)
        self.folder.cleanup()

    def actor(self, worker, idle=60, **patience):
        with open("synapse-worker", "w") as file:
            file.write(worker)
        # As an older Ray would unpack it.
        os.chmod("synapse-worker", 0o644)
        names = {}
        with open(os.path.join(HERE, "shim.py")) as source:
            exec(source.read(), names)
        kind = type("SynapseActor", (names["SynapseActor"],), patience)
        actor = kind("key", "libgreet.so", idle)
        self.actors.append(actor)
        return actor

    def test_the_address_is_told_and_written_down(self):
        actor = self.actor(WORKER)
        place = json.loads(actor.place())
        self.assertEqual(json.loads(self.ray.kept[b"key"]), place)
        self.assertEqual(len(place["secret"]), 64)
        self.assertTrue(os.stat("synapse-worker").st_mode & stat.S_IXUSR)
        self.assertEqual(json.loads(actor.place()), place, "a second agent was started")

    def test_an_agent_that_crashes_is_replaced_and_one_that_is_idle_ends_the_actor(self):
        actor = self.actor(WORKER)
        first = json.loads(actor.place())["address"]
        self.say(first, b"crash")
        until(lambda: json.loads(self.ray.kept[b"key"])["address"] != first)
        self.say(json.loads(self.ray.kept[b"key"])["address"], b"idle")
        self.assertTrue(self.ray.killed.wait(20))
        self.assertNotIn(b"key", self.ray.kept)

    def test_why_an_agent_did_not_start_is_raised(self):
        with self.assertRaisesRegex(RuntimeError, "SYNAPSE .*GLIBC_9.99 not found"):
            self.actor(BROKEN).place()
        self.assertNotIn(b"key", self.ray.kept)

    def test_bytes_go_through_both_ways(self):
        actor = self.actor(WORKER)
        one, other = actor.open(), actor.open()
        self.assertNotEqual(one, other)
        number = int(one)
        self.assertEqual(actor.exchange(number, 0, b"some bytes", True), numbered(0, b"some bytes"))
        # The end of what is said is the end of what is answered.
        self.assertEqual(actor.exchange(number, 1, b"", True), numbered(1, b""))
        actor.close(number)
        actor.close(number)
        with self.assertRaises(KeyError):
            actor.exchange(number, 2, None, True)
        self.assertEqual(actor.exchange(int(other), 0, b"more", True), numbered(0, b"more"))

    def test_a_host_that_is_gone_leaves_no_call_and_no_connection_behind(self):
        actor = self.actor(WORKER, LISTENS=0.1, UNUSED=0.6)
        gone, stays = int(actor.open()), int(actor.open())
        # Nothing was said, which has no number.
        self.assertEqual(actor.exchange(gone, 0, None, True), b"")
        # Its turn never comes.
        waits = threading.Thread(target=actor.exchange, args=(gone, 7, b"late", True))
        waits.start()
        turn = 0
        while gone in actor.tunnels:
            self.assertEqual(actor.exchange(stays, turn, None, True), b"")
            turn += 1
        waits.join(20)
        self.assertFalse(waits.is_alive())
        self.assertEqual(actor.exchange(stays, turn, b"here", True), numbered(0, b"here"))

    def test_calls_come_in_any_order_and_bytes_do_not(self):
        actor = self.actor(WORKER)
        number = int(actor.open())
        heard = {}

        def exchange(turn, data, listens):
            answer = actor.exchange(number, turn, data, listens)
            if listens:
                heard[int.from_bytes(answer[:8], "little")] = answer[8:]

        pieces = [bytes([letter]) * (1 << 20) for letter in b"abcdefgh"]
        calls = [(turn, data, False) for turn, data in enumerate(pieces)]
        calls += [(8, b"", False)] + [(turn, None, True) for turn in range(9, 12)]
        threads = [threading.Thread(target=exchange, args=call) for call in reversed(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        turn = 12
        while all(heard.values()):
            exchange(turn, None, True)
            turn += 1
        self.assertEqual(b"".join(data for _, data in sorted(heard.items())), b"".join(pieces))

    def test_who_listens_does_not_wait_for_who_speaks(self):
        actor = self.actor(WORKER)
        number = int(actor.open())
        # More than all buffers on the way there and back hold: it is sent when somebody hears the answer only.
        much = bytes(64 << 20)
        speaks = threading.Thread(target=actor.exchange, args=(number, 0, much, False), daemon=True)
        speaks.start()
        turn, heard = 1, 0
        while heard < len(much):
            heard += len(actor.exchange(number, turn, None, True)) - 8
            turn += 1
        speaks.join(20)
        self.assertFalse(speaks.is_alive())

    def test_who_closes_a_way_frees_all_that_wait(self):
        actor = self.actor(WORKER)
        number = int(actor.open())
        # One listens; the other's turn never comes.
        calls = [(number, 0, None, True), (number, 7, b"late", True)]
        waiting = [threading.Thread(target=actor.exchange, args=call) for call in calls]
        for thread in waiting:
            thread.start()
        actor.close(number)
        for thread in waiting:
            thread.join(20)
            self.assertFalse(thread.is_alive())

    def say(self, address, what):
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(what)
            connection.recv(1)


if __name__ == "__main__":
    # The actor's pipes are closed with its process.
    unittest.main(warnings="ignore")
