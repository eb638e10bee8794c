//! Writes what the fuzzers begin with into `corpus/`, so that no binary files
//! have to be kept: `cargo run --example seeds LIBRARY CONFIG…`, in this folder.
//!
//! Of the library of a plugin only the sections that are read are taken, so
//! that a seed is small. Beside each good file lie some with a few bytes changed,
//! one for each check that a file can fail.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};
use synapse_host::bundle::{HERE, Parts};
use synapse_host::check::PluginFile;
use synapse_host::stamp::{Stamp, stamp};

const KEPT: [&str; 6] =
    [".dynstr", ".dynamic", ".gnu.version_r", ".synapse", ".synapse.manifest", ".shstrtab"];

const MANIFEST: &str = r##"{"sdk":"0.1.0","actions":[{"name":"train","item":"Train","module":"net::train",
"description":"Trains.","category":"neural_net","method":"job","input_type":"coco_dataset","exclusive":true,
"params":{"type":"object","properties":{"epochs":{"type":"integer","minimum":1,"default":5,"x-ui":{"group":"a"}},
"optimizer":{"oneOf":[{"type":"object","properties":{"kind":{"const":"sgd"}}},{"$ref":"#/$defs/Adam"}]}},
"required":["epochs"],"additionalProperties":false,"$defs":{"Adam":{"type":"object"}}},"result":true}],
"data_types":[{"id":"coco_dataset","format":"coco","parent":"dataset"},{"id":"dataset"}]}"##;

const COCO: &str = r#"{"info":{"year":2026},"images":[{"id":1,"file_name":"a.jpg","width":64,"height":48}],
"categories":[{"id":3,"name":"cat","keypoints":["l","r"],"skeleton":[[1,2]]}],"annotations":[{"id":1,"image_id":1,
"category_id":3,"bbox":[1,2,30.5,4e1],"segmentation":[[1,2,3,4,5,6.25]],"keypoints":[1,2,2,3,4,1],"iscrowd":0},
{"id":2,"image_id":1,"category_id":3,"segmentation":{"size":[48,64],"counts":[10,20,3042]},"iscrowd":1},
{"id":3,"image_id":1,"category_id":3,"segmentation":{"size":[10,20],"counts":"f064000000000f3"}}]}"#;

const VOC: &str = "<?xml version=\"1.0\"?><annotation><filename>a.bmp</filename><size><width>64</width>\
<height>48</height><depth>3</depth></size><object><name>cat &amp; dog</name><pose>Left</pose><truncated>1</truncated>\
<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>40</ymax></bndbox></object></annotation>";

const DM_V1: &str = r#"{"extra":{"image_1":{"width":64,"height":48}},"annotations":{"image_1":[{"id":"A","tool":"bounding_box",
"classification":{"class":"cat","color":"red"}},{"id":"B","tool":"polygon","classification":{"class":"cat"}}]},
"annotationsData":{"image_1":[{"id":"A","coordinate":{"x":1,"y":2,"width":3,"height":4,"rotation":0.5}},
{"id":"B","coordinate":[{"x":1,"y":2,"id":"p"},{"x":3,"y":4},{"x":5,"y":1}]}]},"relations":{},"annotationGroups":{}}"#;

const DM_V2: &str = r#"{"classification":{"bounding_box":["cat"]},"images":[{"bounding_box":[{"id":"A","classification":"cat",
"attrs":[{"name":"rotation","value":0.5}],"data":[1,2,3,4]}],"polygon":[{"id":"B","classification":"cat","attrs":[],
"data":[[1,2],[3,4],[5,1]]}],"keypoint":[{"id":"K","classification":"l","attrs":[],"data":[1,2],"visibility":1,
"group_id":"g"}],"segmentation":[{"id":"S","classification":"cat","attrs":[],"data":[[0,10],[64,3]],"encoding":"dm_rle",
"isCompressed":true,"compressionFormat":"rle"}]}]}"#;

/// What a dashboard answers about jobs and nodes.
const REST_OF_JOBS: [(&str, &str); 4] = [
    (
        "jobs",
        r#"[{"type":"SUBMISSION","submission_id":"mine","status":"RUNNING","entrypoint":"true","message":"m",
        "error_type":null,"start_time":1,"end_time":null,"metadata":{"a":"b"},"driver_node_id":"ab","driver_exit_code":-9}]"#,
    ),
    ("submitted", r#"{"job_id":"mine","submission_id":"mine","stopped":true,"logs":"a\n"}"#),
    ("version", r#"{"version":"4","ray_version":"2.60.0","ray_commit":"b7"}"#),
    (
        "nodes",
        r#"{"result":true,"data":{"result":{"total":1,"result":[{"node_id":"ab","node_ip":"10.0.0.7",
        "state":"ALIVE","resources_total":{"CPU":4.0,"memory":1e9}}]}}}"#,
    ),
];
const REST_OF_SERVE: &str = r#"{"proxy_location":"EveryNode","http_options":{"host":"0.0.0.0","port":8123,"root_path":"/x/"},
    "grpc_options":null,"target_capacity":1.5,"applications":{
    "a":{"route_prefix":"/a","status":"RUNNING","message":"","source":"declarative","last_deployed_time_s":1.5,
         "deployed_app_config":{"name":"a", "args":{"z":1.50,"a":[1e3]}},
         "deployments":{"d":{"status":"HEALTHY","target_num_replicas":2,
                             "replicas":[{"replica_id":"r","state":"RUNNING","pid":7,"node_ip":"n"}]}}},
    "c":{"status":"DELETING","deployed_app_config":{"name":"c"}},
    "d":{"status":"RUNNING","source":"imperative","deployed_app_config":null}}}"#;
/// `pickle.dumps(RayActorError("no such thing"), 5)`.
const RAISED: &[u8] = b"\x80\x05\x95\x30\0\0\0\0\0\0\0\x8c\x0eray.exceptions\x94\x8c\x0dRayActorError\x94\x93\x94\x8c\x0dno such thing\x94\x85\x94R\x94.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let library = arguments.next().ok_or("usage: seeds LIBRARY CONFIG…")?;
    let bytes = fs::read(&library)?;
    let elf = object::File::parse(&*bytes)?;
    let identity = elf.section_by_name(".synapse").ok_or("the library is no plugin")?;
    let small = small(&bytes)?;
    let read = PluginFile::of_bytes(&small);
    assert!(read.reasons.is_empty() && read.identity.is_some(), "the seed is no plugin: {read:?}");
    let manifest = serde_json::from_str(MANIFEST)?;
    let stamped = stamp(&small, &manifest).map_err(|error| error.to_string())?.bytes;
    let read = PluginFile::of_bytes(&stamped).stamp.ok_or("the seed has no stamp")?;
    Stamp::parse(&read)?;
    seeds("identity", identity.data()?, &IDENTITY)?;
    seeds("plugin_file", &small, &[&IDENTITY[..], &ELF].concat())?;
    seed("plugin_file", "stamped", &stamped)?;
    seeds("stamp", &stamped, &STAMP)?;
    seed("stamp", "unstamped", &small)?;
    seeds("stamp-section", &read, &STAMP)?;
    seeds("bundle", &bundle(&stamped)?, &BUNDLE)?;
    seeds("manifest", MANIFEST.as_bytes(), &DESCRIBED)?;
    for (target, text) in [
        ("dataset_coco", COCO),
        ("dataset_yolo", "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.2 0.1 0.2 0.2\n0 0.5 0.5 0.1 0.1 0.9\n"),
        (
            "dataset_yolo_yaml",
            "path: .\ntrain: images\nval: [images]\nnc: 1\nnames:\n  0: cat\nkpt_shape: [2, 3]\n",
        ),
        ("dataset_voc", VOC),
        ("dataset_dm_v1", DM_V1),
        ("dataset_dm_v2", DM_V2),
    ] {
        seed(target, "whole", text.as_bytes())?;
    }
    seed("ray_pickle", "exception", RAISED)?;
    seed("ray_pickle", "class", b"\x80\x04}q\x000cbuiltins\nexec\n\x8c\x04passh\x00\x86R0]\x94(K\x01\x88Nea.")?;
    seed("ray_messages", "answers", b"\0\0\0\0\x09\x08\x05\x12\x05\x08\x01\x12\x01x\0\0\0\0\x05\x0a\x03key")?;
    for (name, text) in REST_OF_JOBS {
        seed("ray_jobs", name, text.as_bytes())?;
    }
    seed("ray_serve", "applications", REST_OF_SERVE.as_bytes())?;
    seed("seal", "damaged", b"\x20\x01\x09\0\x01some text that is encrypted on its way")?;
    seed("signature", "changes", &[10, 0, b'A', 200, 0, b'=', 90, 1, 0])?;
    for (index, config) in arguments.enumerate() {
        let text = fs::read(config)?;
        seed("config", &format!("config-{index}"), &text)?;
        if index == 0 {
            seeds("config", &text, &CONFIG)?;
        }
    }
    Ok(())
}

/// A bundle of a library.
fn bundle(library: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let manifest = serde_json::from_str(MANIFEST)?;
    let parts = Parts {
        code: "net",
        name: "Net",
        version: "0.1.0",
        category: "custom",
        actions: vec!["train".to_owned()],
        config: "code: net\n",
        readme: Some("# Net\n"),
        target: HERE,
        library: "libnet.so",
        bytes: library,
        glibc: Some("2.28".to_owned()),
        image_sha256: "",
        native: vec![("libnex.so".to_owned(), b"native".to_vec())],
        manifest: &manifest,
    };
    let mut bytes = Vec::new();
    synapse_host::bundle::write(&parts, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What is changed in a good file: a name, the bytes that are looked for, and what is
/// written so many bytes behind their beginning.
type Change = (&'static str, &'static [u8], usize, &'static [u8]);

const IDENTITY: [Change; 8] = [
    ("magic", b"SYNAPSE\0\x01\0", 0, b"SINAPSE"),
    ("layout", b"SYNAPSE\0\x01\0", 8, &[7, 0]),
    ("newer", b"SYNAPSE\0\x01\0", 10, &[2, 0]),
    ("older", b"SYNAPSE\0\x01\0", 10, &[0, 0]),
    ("flags", b"SYNAPSE\0\x01\0", 16, &[0; 8]),
    ("oversize", b"SYNAPSE\0\x01\0", 24, &[0xff; 4]),
    ("short", b"SYNAPSE\0\x01\0", 24, &[0, 0, 16, 0]),
    ("json", b"SYNAPSE\0\x01\0", 32, b"[oops"),
];
const ELF: [Change; 6] = [
    ("class", b"\x7fELF", 4, &[1]),
    ("object", b"\x7fELF", 16, &[1, 0]),
    ("machine", b"\x7fELF", 18, &[183, 0]),
    ("far", b"\x7fELF", 40, &[0xff; 8]),
    ("many", b"\x7fELF", 60, &[0xff; 2]),
    ("names", b"\x7fELF", 62, &[0xff; 2]),
];
const STAMP: [Change; 5] = [
    ("magic", b"SYNSTAMP", 0, b"SINSTAMP"),
    ("format", b"SYNSTAMP", 8, &[9]),
    ("length", b"SYNSTAMP", 12, &[0xff; 4]),
    ("before", b"SYNSTAMP", 16, &[0xff; 8]),
    ("json", b"SYNSTAMP", 40, b"[oops"),
];
/// In the table of the archive: after what it begins with come flags at 8, method
/// at 10, sizes at 20, the file's mode at 40, its place at 42, its name at 46.
const BUNDLE: [Change; 9] = [
    ("encrypted", b"PK\x01\x02", 8, &[1]),
    ("compressed", b"PK\x01\x02", 10, &[8]),
    ("bomb", b"PK\x01\x02", 24, &[0xff; 4]),
    ("symlink", b"PK\x01\x02", 40, &[0xff, 0xa1]),
    ("overlap", b"PK\x01\x02", 42, &[8]),
    ("slip", b"PK\x01\x02", 46, b"../../"),
    ("twice", b"libnex.so", 0, b"libnet.so"),
    ("count", b"PK\x05\x06", 10, &[0xff; 2]),
    ("format", b"\"format\":1", 9, b"9"),
];
const DESCRIBED: [Change; 3] = [
    ("bounds", b"\"minimum\":1", 10, b"9"),
    ("reference", b"#/$defs/Adam", 8, b"Adan"),
    ("json", b"{\"sdk\"", 0, b"[oops"),
];
const CONFIG: [Change; 4] = [
    ("key", b"category", 0, b"castegor"),
    ("tab", b"\n  ", 1, b"\t\t"),
    ("anchor", b"name: ", 6, b"*x"),
    ("flow", b"actions:", 0, b"{[&a *a,"),
];

/// A good file, and one for each change, made wherever the bytes stand.
fn seeds(target: &str, bytes: &[u8], changes: &[Change]) -> Result<(), Box<dyn Error>> {
    let (target, kind) = target.split_once('-').unwrap_or((target, "good"));
    seed(target, kind, bytes)?;
    for (name, marker, offset, with) in changes {
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(marker)).collect();
        if places.is_empty() {
            return Err(format!("{target}: nothing to change for {name}").into());
        }
        let mut changed = bytes.to_vec();
        for at in places {
            let start = (at + offset).min(changed.len());
            let end = (start + with.len()).min(changed.len());
            changed[start..end].copy_from_slice(&with[..end - start]);
        }
        seed(target, &format!("{kind}-{name}"), &changed)?;
    }
    Ok(())
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)?;
    println!("{}: {} bytes", folder.join(name).display(), bytes.len());
    Ok(())
}

/// The library without what nobody reads: its header, the kept sections and the
/// table of those. Names keep their places, because their table is kept whole.
fn small(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    const HEADER: usize = 64;
    const ENTRY: usize = 64;
    let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("a whole file"));
    let half = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("a whole file")) as usize;
    let table = word(40) as usize;
    let elf = object::File::parse(bytes)?;
    let kept: Vec<(usize, String)> = elf
        .sections()
        .filter_map(|section| Some((section.index().0, section.name().ok()?.to_owned())))
        .filter(|(_, name)| KEPT.contains(&name.as_str()))
        .collect();
    let place_of = |old: usize| kept.iter().position(|(index, _)| *index == old).map_or(0, |place| place + 1);
    let (mut written, mut entries) = (bytes[..HEADER].to_vec(), vec![0; ENTRY]);
    for (index, _) in &kept {
        let at = table + index * ENTRY;
        let mut entry = bytes[at..at + ENTRY].to_vec();
        let (offset, size) = (word(at + 24) as usize, word(at + 32) as usize);
        entry[24..32].copy_from_slice(&(written.len() as u64).to_le_bytes());
        entry[40..44].copy_from_slice(&(place_of(half(at + 40)) as u32).to_le_bytes());
        written.extend(&bytes[offset..offset + size]);
        written.resize(written.len().next_multiple_of(8), 0);
        entries.extend(entry);
    }
    let names = kept.iter().position(|(_, name)| name == ".shstrtab").ok_or("no names of sections")? + 1;
    // No segments: where they begin, how many there are.
    written[32..40].fill(0);
    written[56..58].fill(0);
    let start = (written.len() as u64).to_le_bytes();
    written[40..48].copy_from_slice(&start);
    written[60..62].copy_from_slice(&(kept.len() as u16 + 1).to_le_bytes());
    written[62..64].copy_from_slice(&(names as u16).to_le_bytes());
    written.extend(entries);
    Ok(written)
}
