"""Conversions of synapse-datasets beside those of peers and beside the limits.

    python3.12 benches/datasets/run.py [IMAGES ...] [--no-peers] [--folder /dev/shm/synapse-datasets]

Without numbers: 5,000 and 50,000 images. Peers are installed into target/datasets-venv, which is made when it is not
there; they are measured up to 50,000 images, three times up to 5,000 and once beyond, and what of them takes minutes
only up to 5,000. The folder should be in memory. Each conversion is a process of its own; the median counts. CPU time is
user and system of the process and its threads, memory its peak. Prints the tables of BENCHMARKS.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
EXAMPLES = TARGET / "release/examples"
LIMITS = TARGET / "dataset-limits/release/dataset-limits"
VENV = TARGET / "datasets-venv"
PEERS = ["labelformat==0.1.17", "globox==2.9.0", "pycocotools", "synapse-sdk==2026.2.17"]
THREADS = str(os.cpu_count() or 1)
SLOW = 10_000

LABELFORMAT = """
import sys; from pathlib import Path
from labelformat.formats import COCOObjectDetectionInput, YOLOv8ObjectDetectionOutput, YOLOv8ObjectDetectionInput
from labelformat.formats import COCOObjectDetectionOutput, PascalVOCObjectDetectionOutput
kind, source, out = sys.argv[1:]; source, out = Path(source), Path(out); out.mkdir(parents=True)
if kind == "yolo-coco":
    COCOObjectDetectionOutput(out / "out.json").save(YOLOv8ObjectDetectionInput(source / "data.yaml", "train"))
else:
    label = COCOObjectDetectionInput(source / "annotations.json")
    if kind == "coco-yolo": YOLOv8ObjectDetectionOutput(out / "data.yaml", "train").save(label)
    else: PascalVOCObjectDetectionOutput(out).save(label)
"""

SDK = """
import sys
from synapse_sdk.utils.converters.coco.to_dm import COCOToDMConverter
from synapse_sdk.utils.converters.yolo.to_dm import YOLOToDMConverter
from synapse_sdk.utils.converters.yolo.from_dm import FromDMToYOLOConverter
from synapse_sdk.utils.converters.dm.types import build_export_contract
kind, source, out = sys.argv[1:]
make = {
    "coco-dm": lambda: COCOToDMConverter(root_dir=source),
    "yolo-dm": lambda: YOLOToDMConverter(root_dir=source),
    "dm-yolo": lambda: FromDMToYOLOConverter(root_dir=source, is_single_conversion=True,
                                             export_contract=build_export_contract("instance")),
}[kind]
converter = make(); converter.convert(); converter.save_to_folder(out)
"""

# The Python SDK refuses crowds and reads no file that has one.
PLAIN = """
import json, sys; from pathlib import Path
coco, out = map(Path, sys.argv[1:]); out.mkdir()
document = json.loads((coco / "annotations.json").read_text())
document["annotations"] = [entry for entry in document["annotations"] if not entry["iscrowd"]]
(out / "annotations.json").write_text(json.dumps(document))
"""


def measure(command):
    """Wall seconds, CPU seconds and peak MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise RuntimeError(error.decode(errors="replace")[-400:])
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def median(command, out, repeats):
    runs = []
    for _ in range(repeats):
        shutil.rmtree(out, ignore_errors=True)
        runs.append(measure(command))
    return [sorted(run[i] for run in runs)[len(runs) // 2] for i in range(3)]


def limit(*words):
    """Wall and CPU seconds of the least that could be done, the best of three."""
    runs = []
    for _ in range(3):
        shutil.rmtree(words[2], ignore_errors=True) if words[0] == "create" else None
        said = subprocess.run([LIMITS, *map(str, words)], check=True, capture_output=True, text=True).stdout
        runs.append([float(word) for word in said.split()])
    return min(runs)


def ours(source, target, out, *words):
    return [EXAMPLES / "convert", source, target, out, *words]


def build():
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": ROOT}
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "synapse-datasets", "--examples"], **quiet)
    manifest = ROOT / "benches/datasets/limits/Cargo.toml"
    subprocess.run(["cargo", "build", "--quiet", "--release", "--manifest-path", manifest,
                    "--target-dir", TARGET / "dataset-limits"], **quiet)


def install():
    python = VENV / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def prepare(folder, images):
    """The inputs of all conversions, made by our own tools."""
    coco = folder / f"coco{images}"
    subprocess.run([EXAMPLES / "generate", str(images), coco, "pictures=yes"], check=True, stdout=subprocess.DEVNULL)
    made = {"coco": coco, "yolo": folder / f"yolo{images}", "dm": folder / f"dm{images}", "plain": folder / f"plain{images}"}
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(ours(coco, "yolo", made["yolo"], "task=detect", "images=symlink"), **quiet)
    (made["yolo"] / "dataset.yaml").write_text((made["yolo"] / "data.yaml").read_text())
    subprocess.run(ours(coco, "dm_v2", made["dm"], "images=symlink"), **quiet)
    # In a process of its own: one that is started by a large one counts as large.
    subprocess.run([sys.executable, "-c", PLAIN, coco, made["plain"]], check=True)
    return made


def conversions(made, out, images, python):
    """What is converted: its name, ours, the limits of reading, and the peers."""
    lf = lambda kind, source: ("labelformat, boxes alone", [python, "-c", LABELFORMAT, kind, source, out])
    sdk = lambda kind, source, note="": (f"Python SDK{note}", [python, "-c", SDK, kind, source, out])
    globox = lambda fmt, source, to, *words: ("globox, boxes alone", [
        VENV / "bin/globox", "convert", "-f", fmt, *words, "-F", to, source, out])
    coco = made["coco"] / "annotations.json"
    points, boxes, documents, labels = ("coco", coco), ("coco-boxes", coco), ("documents", made["dm"]), ("yolo", made["yolo"], THREADS)
    few = images <= SLOW
    yield "COCO → YOLO, boxes", ours(made["coco"], "yolo", out, "task=detect"), boxes, [
        lf("coco-yolo", made["coco"]), globox("coco", coco, "yolov5") if few else None]
    yield "COCO → YOLO, polygons", ours(made["coco"], "yolo", out, "task=segment"), points, []
    yield "COCO → VOC", ours(made["coco"], "voc", out), boxes, [
        lf("coco-voc", made["coco"]), globox("coco", coco, "pascalvoc")]
    yield "COCO → DM v2, polygons", ours(made["coco"], "dm_v2", out), points, []
    yield "COCO → DM v2, polygons, no crowds", ours(made["plain"], "dm_v2", out), ("coco", made["plain"] / "annotations.json"), [
        sdk("coco-dm", made["plain"], ", no polygons")]
    yield "YOLO → COCO", ours(made["yolo"], "coco", out), labels, [lf("yolo-coco", made["yolo"])]
    yield "YOLO → DM v2, images copied", ours(made["yolo"], "dm_v2", out, "images=copy"), labels, [sdk("yolo-dm", made["yolo"])]
    yield "DM v2 → COCO", ours(made["dm"], "coco", out), documents, []
    yield "DM v2 → YOLO, polygons", ours(made["dm"], "yolo", out), documents, []
    yield "DM v2 → YOLO, images copied", ours(made["dm"], "yolo", out, "images=copy"), documents, [
        sdk("dm-yolo", made["dm"], ", three times")] if few else []
    yield "info of COCO", [EXAMPLES / "convert", made["coco"], "info", out], boxes, []
    yield "validate COCO", [EXAMPLES / "convert", made["coco"], "validate", out], points, []


def times(own, other):
    return f"{other / own:.1f} ×" if own else "–"


def table(folder, images, python):
    made, out = prepare(folder, images), folder / "out"
    size = (made["coco"] / "annotations.json").stat().st_size / 1e6
    print(f"\n### {images:,} images, COCO of {size:.1f} MB\n")
    print("| conversion | with | wall s | CPU s | peak MB | CPU, times ours | limit: reading, writing: wall s | ours, times the slower |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    read = {}
    for what, command, reading, peers in conversions(made, out, images, python):
        wall, cpu, peak = median(command, out, 3)
        if reading not in read:
            read[reading] = limit(*reading)[0]
        written = limit("create", out, folder / "again", THREADS)[0] if out.is_dir() else 0.0
        shutil.rmtree(folder / "again", ignore_errors=True)
        slower, which = max((read[reading], "reading"), (written, "writing"))
        print(f"| {what} | synapse | {wall:.2f} | {cpu:.2f} | {peak:.0f} | | {read[reading]:.2f}, {written:.2f} "
              f"| {wall / slower:.1f} × {which} |", flush=True)
        for who, command in filter(None, peers if python else []):
            try:
                peer = median(command, out, 3 if images <= SLOW else 1)
                print(f"| {what} | {who} | {peer[0]:.2f} | {peer[1]:.2f} | {peer[2]:.0f} | {times(cpu, peer[1])} | | |", flush=True)
            except RuntimeError as error:
                print(f"| {what} | {who} | failed: {str(error).strip().splitlines()[-1:]} | | | | | |", flush=True)
        shutil.rmtree(out, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("images", nargs="*", type=int)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/synapse-datasets"))
    asked = parser.parse_args()
    build()
    python = None if asked.no_peers else install()
    for images in asked.images or [5_000, 50_000]:
        shutil.rmtree(asked.folder, ignore_errors=True)
        asked.folder.mkdir(parents=True)
        table(asked.folder, images, python if images <= 50_000 else None)
    shutil.rmtree(asked.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
