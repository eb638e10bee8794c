"""What an endpoint costs, beside the emptiest application of Ray Serve in Python on the same cluster:

    apt-get install wrk
    cargo build --release -p synapse-host -p measured
    .ci/ray python3 benches/serve/run.py

wrk asks both through the cluster's proxy, in turns, with as many connections as a replica works on at once;
each figure is the median of the rounds, and each ratio that of the ratios within a round, because what the machine
gives changes between rounds by more than what is compared. The Python that has Ray stands in RAY_PYTHON.
BENCH_SECONDS, BENCH_ROUNDS and BENCH_CONNECTIONS say how long, how often and how wide.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = os.path.join(HERE, "..", "..", "target", os.environ.get("PROFILE", "release"))
SECONDS = os.environ.get("BENCH_SECONDS", "5")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "12"))
CONNECTIONS = os.environ.get("BENCH_CONNECTIONS", "16")
RAY = os.environ["SYNAPSE_TEST_RAY"]
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}

# One that answers and no more, and one that reads its params as an endpoint has to.
APPLICATIONS = """
import ray
from ray import serve

ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
options = dict(num_replicas=1, max_ongoing_requests=%s, ray_actor_options={"num_cpus": 0.1})

@serve.deployment(**options)
class Empty:
    async def __call__(self, request):
        return "Hello Ada!"

@serve.deployment(**options)
class Reads:
    async def __call__(self, request):
        params = await request.json()
        return {"message": "Hello %%s!" %% params["name"]}

serve.run(Empty.bind(), name="empty", route_prefix="/empty")
serve.run(Reads.bind(), name="reads", route_prefix="/reads")
""" % CONNECTIONS

GREET = """
wrk.method = "POST"
wrk.body = '{"name": "Ada"}'
wrk.headers["Content-Type"] = "application/json"
"""
NOTHING = """
wrk.method = "POST"
"""


def deploy(action):
    """Gives the endpoint's URL."""
    library = os.path.join(RELEASE, "libmeasured.so")
    command = [os.path.join(RELEASE, "synapse"), "serve", "deploy", library, action, "--json", "--cpus", "0.1"]
    command += ["--at-once", CONNECTIONS, "--ray-address", RAY]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(said)["endpoint"]["url"]


def measure(url, script, connections=CONNECTIONS, seconds=SECONDS):
    """Requests a second, and milliseconds of the median and of the 99th of a hundred."""
    command = ["wrk", "-t1", "-c" + connections, "-d" + seconds + "s", "--latency", "-s", script, url]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit("%s did not answer all requests:\n%s" % (url, said))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])

    def latency(percent):
        found = re.search(r"^\s+%s%%\s+([\d.]+)(us|ms|s)$" % percent, said, re.MULTILINE)
        return float(found[1]) * UNITS[found[2]]

    return rate, latency(50), latency(99)


def main():
    ours = {action: deploy(action) for action in ("nothing", "greet")}
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([os.environ["RAY_PYTHON"], "-c", APPLICATIONS], check=True, **quiet)
    root = ours["greet"].rsplit("/", 1)[0]
    asked = {
        "synapse, no params": (ours["nothing"], NOTHING),
        "python, empty": (root + "/empty", NOTHING),
        "synapse, params": (ours["greet"], GREET),
        "python, empty, params sent": (root + "/empty", GREET),
        "python, reads params": (root + "/reads", GREET),
    }
    for connections in (CONNECTIONS, "1"):
        found = compare(asked, connections)
        print("%s connections:" % connections)
        for name, rounds in found.items():
            medians = tuple(statistics.median(column) for column in zip(*rounds))
            print("  %-26s %8.0f requests/s   p50 %6.1f ms   p99 %6.1f ms" % (name, *medians))
        for name in ("synapse, no params", "synapse, params"):
            share, late = (beside(found, name, column) for column in (0, 2))
            print(
                "  %s: %.0f %% of the empty one's requests/s (goal 80), p99 %.2f times (goal 1)"
                % (name, 100 * share, late)
            )


def beside(found, name, column):
    """How many times what the empty application has, in the same round."""
    pairs = zip(found[name], found["python, empty"])
    return statistics.median(ours[column] / empty[column] for ours, empty in pairs)


def compare(asked, connections):
    """What each was measured at, round by round; every second one goes the other way round."""
    found = {name: [] for name in asked}
    with tempfile.TemporaryDirectory() as folder:
        scripts = {}
        for script in (NOTHING, GREET):
            scripts[script] = os.path.join(folder, "%d.lua" % len(scripts))
            with open(scripts[script], "w") as file:
                file.write(script)
        for url, script in asked.values():
            measure(url, scripts[script], connections, "3")
        for turn in range(ROUNDS):
            for name, (url, script) in list(asked.items())[:: 1 if turn % 2 else -1]:
                found[name].append(measure(url, scripts[script], connections))
    return found


if __name__ == "__main__":
    main()
