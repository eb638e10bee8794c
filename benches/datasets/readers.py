"""Reads what synapse-datasets wrote with the readers of others, and compares every box, class and split.

    target/datasets-venv/bin/python benches/datasets/readers.py

The environment is the one that run.py makes. The truth is the generated COCO file itself, read with json. A line for each
reader: how many boxes it should find, and how many it found in the right split, on the right image, of the right class
and in the right place.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "target/release/examples"
SPLITS = {"train": ("train", 7), "val": ("valid", 8)}
IMAGES = 300


def make(folder):
    """A COCO dataset of two splits."""
    for seed_folder, seed in SPLITS.values():
        subprocess.run([EXAMPLES / "generate", str(IMAGES), folder / "coco" / seed_folder, "pictures=yes", f"seed={seed}"],
                       check=True, stdout=subprocess.DEVNULL)
    for target, words in {"yolo": ["task=detect"], "voc": ["voc_floats=yes"], "coco": [], "dm_v2": []}.items():
        subprocess.run([EXAMPLES / "convert", folder / "coco", target, folder / f"as_{target}", "images=link", *words],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def truth(folder):
    """(split, stem of the image) to its boxes: class, left, top, width, height."""
    found = {}
    for split, (name, _) in SPLITS.items():
        document = json.loads((folder / "coco" / name / "annotations.json").read_text())
        classes = {entry["id"]: entry["name"] for entry in document["categories"]}
        stems = {entry["id"]: Path(entry["file_name"]).stem for entry in document["images"]}
        for stem in stems.values():
            found[split, stem] = []
        for entry in document["annotations"]:
            found[split, stems[entry["image_id"]]].append((classes[entry["category_id"]], *entry["bbox"]))
    return found


def labelformat_yolo(folder):
    from labelformat.formats import YOLOv8ObjectDetectionInput

    for split in SPLITS:
        for label in YOLOv8ObjectDetectionInput(folder / "as_yolo/data.yaml", split).get_labels():
            for thing in label.objects:
                box = thing.box
                yield split, Path(label.image.filename).stem, (
                    thing.category.name, box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin)


def globox_yolo(folder):
    from globox import AnnotationSet

    names = (folder / "as_yolo/classes.txt").read_text().splitlines()
    for split, (name, _) in SPLITS.items():
        base = folder / "as_yolo" / name
        read = AnnotationSet.from_yolo_v5(base / "labels", image_folder=base / "images", image_extension=".bmp")
        for annotation in read:
            for box in annotation.boxes:
                yield split, Path(annotation.image_id).stem, (
                    names[int(box.label)], box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin)


def sdk_yolo(folder):
    from synapse_sdk.utils.converters.yolo.to_dm import YOLOToDMConverter

    for split, (name, _) in SPLITS.items():
        base = folder / "as_yolo" / name
        (base / "dataset.yaml").write_text((folder / "as_yolo/data.yaml").read_text())
        for key, (document, _) in YOLOToDMConverter(root_dir=str(base)).convert().items():
            for entry in document["images"][0]["bounding_box"]:
                yield split, Path(key).stem, (entry["classification"], *entry["data"])


def pycocotools_coco(folder):
    from pycocotools.coco import COCO

    for split, (name, _) in SPLITS.items():
        coco = COCO(folder / "as_coco" / name / "annotations.json")
        for entry in coco.loadAnns(coco.getAnnIds()):
            assert coco.annToMask(entry).any() or min(entry["bbox"][2:]) < 1.5, entry["id"]
            stem = Path(coco.imgs[entry["image_id"]]["file_name"]).stem
            yield split, stem, (coco.cats[entry["category_id"]]["name"], *entry["bbox"])


def torchvision_voc(folder):
    """As torchvision.datasets.VOCDetection reads: sets of ImageSets/Main, and the text of elements."""
    base = folder / "as_voc"
    for split in SPLITS:
        for stem in (base / f"ImageSets/Main/{split}.txt").read_text().split():
            root = ElementTree.parse(base / f"Annotations/{stem}.xml").getroot()
            assert (base / "JPEGImages" / root.findtext("filename")).is_file()
            for thing in root.iter("object"):
                left, top, right, bottom = (float(thing.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax"))
                # In one folder the second image of a name has a number.
                yield split, stem.removesuffix("-2"), (
                    thing.findtext("name"), left - 1, top - 1, right - left + 1, bottom - top + 1)


def is_near(one, other):
    return one[0] == other[0] and all(abs(a - b) < 0.002 for a, b in zip(one[1:], other[1:]))


def compare(name, reader, folder, expected):
    left = {key: list(boxes) for key, boxes in expected.items()}
    total = sum(map(len, left.values()))
    right = wrong = 0
    try:
        for split, stem, box in reader(folder):
            boxes = left.get((split, stem), [])
            match = next((at for at, own in enumerate(boxes) if is_near(box, own)), None)
            if match is None:
                wrong += 1
            else:
                boxes.pop(match)
                right += 1
    except Exception as error:  # A reader that cannot read it is a finding, not the end.
        return f"| {name} | {total:,} | failed: {type(error).__name__}: {error} | |"
    return f"| {name} | {total:,} | {right:,} | {wrong:,} |"


def main():
    folder = Path(tempfile.mkdtemp(prefix="readers-"))
    try:
        make(folder)
        expected = truth(folder)
        print("| reader | boxes | right | wrong or too many |\n|---|---|---|---|")
        readers = {
            "YOLO by labelformat": labelformat_yolo, "YOLO by globox": globox_yolo, "YOLO by the Python SDK": sdk_yolo,
            "COCO by pycocotools": pycocotools_coco, "VOC as torchvision reads it": torchvision_voc,
        }
        lines = [compare(name, reader, folder, expected) for name, reader in readers.items()]
        print("\n".join(lines))
        return 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
