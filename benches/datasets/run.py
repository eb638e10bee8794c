"""Conversions of synapse-datasets beside those of peers: wall time, CPU time, peak memory.

    python -m venv venv && venv/bin/pip install labelformat globox synapse-sdk==2026.2.17
    cargo build --release -p synapse-datasets --examples
    venv/bin/python benches/datasets/run.py FOLDER 5000 50000

FOLDER should be in memory. Each conversion is a process of its own, three times;
the median counts. CPU time is user and system of the process and its threads.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "target/release/examples"
BIN = Path(sysconfig.get_path("scripts"))
REPEATS = int(os.environ.get("REPEATS", "3"))

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


def median(command, out):
    runs = []
    for _ in range(REPEATS):
        shutil.rmtree(out, ignore_errors=True)
        runs.append(measure(command))
    shutil.rmtree(out, ignore_errors=True)
    return [sorted(run[i] for run in runs)[len(runs) // 2] for i in range(3)]


def ours(source, target, out, *words):
    return [EXAMPLES / "convert", source, target, out, *words]


def prepare(folder, images):
    """The inputs of all conversions, made by our own tools."""
    coco = folder / f"coco{images}"
    subprocess.run([EXAMPLES / "generate", str(images), coco, "pictures=yes"], check=True, stdout=subprocess.DEVNULL)
    made = {"coco": coco, "images": folder / f"yolo{images}", "dm": folder / f"dm{images}"}
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(ours(coco, "yolo", made["images"], "task=detect", "images=symlink"), **quiet)
    (made["images"] / "dataset.yaml").write_text((made["images"] / "data.yaml").read_text())
    subprocess.run(ours(coco, "dm_v2", made["dm"], "images=symlink"), **quiet)
    made["plain"] = folder / f"plain{images}"
    # In a process of its own: one that is started by a large one counts as large.
    subprocess.run([sys.executable, "-c", PLAIN, coco, made["plain"]], check=True)
    return made


def jobs(made, out):
    python = sys.executable
    lf = lambda kind, source: [python, "-c", LABELFORMAT, kind, source, out]
    sdk = lambda kind, source: [python, "-c", SDK, kind, source, out]
    globox = lambda fmt, source, to, *words: [
        BIN / "globox", "convert", "-f", fmt, *words, "-F", to, source, out]
    yield "COCO → YOLO boxes", "synapse", ours(made["coco"], "yolo", out, "task=detect")
    yield "COCO → YOLO boxes", "labelformat", lf("coco-yolo", made["coco"])
    yield "COCO → YOLO polygons", "synapse", ours(made["coco"], "yolo", out, "task=segment")
    yield "COCO → VOC", "synapse", ours(made["coco"], "voc", out)
    yield "COCO → VOC", "labelformat", lf("coco-voc", made["coco"])
    yield "COCO → VOC", "globox", globox("coco", made["coco"] / "annotations.json", "pascalvoc")
    yield "COCO → DM v2", "synapse", ours(made["coco"], "dm_v2", out)
    yield "COCO → DM v2, no crowds", "synapse", ours(made["plain"], "dm_v2", out)
    yield "COCO → DM v2, no crowds", "Python SDK (no polygons)", sdk("coco-dm", made["plain"])
    yield "YOLO → COCO", "synapse", ours(made["images"], "coco", out)
    yield "YOLO → COCO", "labelformat", lf("yolo-coco", made["images"])
    yield "YOLO → DM v2", "synapse", ours(made["images"], "dm_v2", out, "images=copy")
    yield "YOLO → DM v2", "Python SDK", sdk("yolo-dm", made["images"])
    yield "DM v2 → COCO", "synapse", ours(made["dm"], "coco", out)
    yield "DM v2 → YOLO", "synapse", ours(made["dm"], "yolo", out, "images=copy")
    yield "DM v2 → YOLO", "Python SDK", sdk("dm-yolo", made["dm"])


def main():
    folder = Path(sys.argv[1])
    for images in map(int, sys.argv[2:]):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made, out = prepare(folder, images), folder / "out"
        size = (made["coco"] / "annotations.json").stat().st_size / 1e6
        print(f"\n{images} images, COCO of {size:.1f} MB\n\n| conversion | with | wall s | CPU s | peak MB |\n|---|---|---|---|---|")
        for what, who, command in jobs(made, out):
            try:
                wall, cpu, peak = median(command, out)
                print(f"| {what} | {who} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |", flush=True)
            except RuntimeError as error:
                print(f"| {what} | {who} | failed: {str(error).strip().splitlines()[-1:]} | | |", flush=True)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
