"""A thousand nodes that do nothing, in orchestrators that run without a server.

    python3.12 benches/pipelines/peers.py [NODES] [--rounds 5]

Kedro and the Python SDK are installed into target/pipelines-venv, which is made when it is not there. Each node gives on
the number that the one before it gave (chain), or the first one (fan-out). Neither keeps a journal. Prints lines for the
table of BENCHMARKS.md; ours are printed by `cargo run --release -p synapse-benches --bin pipelines`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "target/pipelines-venv"
PEERS = ["kedro==1.7.0", "synapse-sdk==2026.2.17"]

KEDRO = """
import logging, statistics, sys, time
logging.disable(logging.CRITICAL)
from importlib.metadata import version
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner

count, rounds = int(sys.argv[1]), int(sys.argv[2])

def give(value):
    return value

shapes = {
    "chain": [node(give, f"v{i}", f"v{i + 1}", name=f"n{i}") for i in range(count)],
    "fan-out": [node(give, "v0", "v1", name="n0")] + [node(give, "v1", f"w{i}", name=f"n{i}") for i in range(1, count)],
}
for shape, nodes in shapes.items():
    times, made = [], pipeline(nodes)
    for _ in range(rounds):
        catalog = DataCatalog({"v0": MemoryDataset(1)})
        began = time.perf_counter()
        SequentialRunner().run(made, catalog)
        times.append((time.perf_counter() - began) / count * 1e6)
    print(f"{shape}|Kedro {version('kedro')}, SequentialRunner|{statistics.median(times):.1f}|{min(times):.1f}")
"""

SDK = """
import logging, statistics, sys, time
logging.disable(logging.CRITICAL)
from importlib.metadata import version
from pydantic import BaseModel
from synapse_sdk.loggers import NoOpLogger
from synapse_sdk.plugins.action import BaseAction
from synapse_sdk.plugins.context import RuntimeContext
from synapse_sdk.plugins.pipelines import ActionPipeline

count, rounds = int(sys.argv[1]), int(sys.argv[2])

class Value(BaseModel):
    value: int

class Give(BaseAction[Value]):
    action_name = "give"
    result_model = Value

    def execute(self):
        return Value(value=self.params.value)

times, made = [], ActionPipeline([Give] * count, validate_schemas=False)
for _ in range(rounds):
    ctx = RuntimeContext(logger=NoOpLogger(), env={})
    began = time.perf_counter()
    made.execute({"value": 1}, ctx)
    times.append((time.perf_counter() - began) / count * 1e6)
print(f"chain|Python SDK {version('synapse-sdk')}, ActionPipeline|{statistics.median(times):.1f}|{min(times):.1f}")
"""


def install():
    python = VENV / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nodes", nargs="?", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    python = install()
    print("| shape | with | µs a node | fastest |\n|---|---|---|---|", flush=True)
    for script in (KEDRO, SDK):
        ran = subprocess.run([python, "-c", script, str(asked.nodes), str(asked.rounds)], capture_output=True, text=True)
        if ran.returncode:
            print(f"failed: {ran.stderr.strip().splitlines()[-1:]}")
        for line in ran.stdout.splitlines():
            print(f"| {' | '.join(line.split('|'))} |", flush=True)


if __name__ == "__main__":
    main()
