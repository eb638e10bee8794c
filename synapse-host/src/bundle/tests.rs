#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;

use proptest::prelude::*;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::json;
use synapse_sdk::manifest::Manifest;

use super::{Bundle, HERE, Parts, write};
use crate::check::Reason;

fn manifest() -> Manifest {
    serde_json::from_value(json!({ "sdk": "0.1.0", "actions": [], "data_types": [] })).unwrap()
}

fn parts(manifest: &Manifest) -> Parts<'_> {
    Parts {
        code: "net",
        name: "Net",
        version: "1.2.0",
        category: "custom",
        actions: vec!["train".to_owned()],
        config: "code: net\n",
        readme: Some("# Net\n"),
        target: HERE,
        library: "libnet.so",
        bytes: b"the library",
        image_sha256: "00",
        glibc: Some("2.28".to_owned()),
        native: vec![("libz.so.1".to_owned(), b"z".to_vec()), ("liba.so".to_owned(), b"a".to_vec())],
        manifest,
    }
}

fn good() -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&parts(&manifest()), &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    match Bundle::of_bytes(bytes) {
        Err(Reason::BadBundle(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = good();
    let bundle = Bundle::of_bytes(&bytes).unwrap();
    let said = bundle.manifest();
    assert_eq!((said.code.as_str(), said.version.as_str(), said.actions.len()), ("net", "1.2.0", 1));
    assert_eq!(said.description().unwrap(), manifest());
    let paths: Vec<&str> = said.files.iter().map(|file| file.path.as_str()).collect();
    let within = |name: &str| format!("{HERE}/{name}");
    let expected =
        ["config.yaml", "README.md", &within("libnet.so"), &within("liba.so"), &within("libz.so.1")];
    assert_eq!(paths, expected);
    let library = bundle.library_here().unwrap();
    let file = said.file(&library.path).unwrap();
    assert_eq!(bundle.read(file).unwrap().unwrap(), b"the library");
    assert_eq!(bundle.verify().unwrap(), None);
}

#[test]
fn the_same_parts_give_the_same_bytes_and_no_other_parts_do() {
    assert_eq!(good(), good());
    let manifest = manifest();
    let other = Parts { readme: None, ..parts(&manifest) };
    let mut bytes = Vec::new();
    write(&other, &mut bytes).unwrap();
    assert_ne!(bytes, good());
}

#[test]
fn what_is_unpacked_is_told_by_one_digest() {
    let digest = |bytes: &[u8]| {
        let manifest = manifest();
        let mut archive = Vec::new();
        write(&Parts { bytes, ..parts(&manifest) }, &mut archive).unwrap();
        Bundle::of_bytes(&archive).unwrap().manifest().digest_for(HERE)
    };
    assert_eq!(digest(b"one"), digest(b"one"));
    assert_ne!(digest(b"one"), digest(b"two"));
}

#[test]
fn no_beginning_of_a_bundle_is_one_and_nothing_may_follow_or_precede() {
    let bytes = good();
    for length in 0..bytes.len() {
        assert!(Bundle::of_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    refused(&longer);
    let mut later = b"#!/bin/sh\n".to_vec();
    later.extend(&bytes);
    refused(&later);
}

#[test]
fn a_changed_byte_is_found_where_it_matters() {
    let bytes = good();
    let at = bytes.windows(11).position(|part| part == b"the library").unwrap();
    let mut changed = bytes;
    changed[at] ^= 1;
    let bundle = Bundle::of_bytes(&changed).unwrap();
    let (file, reason) = bundle.verify().unwrap().unwrap();
    assert_eq!(file.path, format!("{HERE}/libnet.so"));
    assert!(matches!(reason, Reason::Checksum { .. }), "{reason}");
}

#[test]
fn a_bundle_for_other_machines_says_which() {
    let manifest = manifest();
    let mut bytes = Vec::new();
    write(&Parts { target: "aarch64-unknown-linux-gnu", ..parts(&manifest) }, &mut bytes).unwrap();
    let reason = Bundle::of_bytes(&bytes).unwrap().library_here().unwrap_err();
    let expected = format!("it has no library for this machine, {HERE}, but for aarch64-unknown-linux-gnu");
    assert_eq!(reason.to_string(), expected);
}

/// An entry of an archive that nobody should have written.
struct Odd<'a> {
    path: &'a str,
    bytes: &'a [u8],
    mode: u32,
    method: CompressionMethod,
}

impl<'a> Odd<'a> {
    fn plain(path: &'a str, bytes: &'a [u8]) -> Self {
        Self { path, bytes, mode: 0o100_644, method: CompressionMethod::STORE }
    }
}

/// A good bundle's entries, and these.
fn with(odd: &[Odd<'_>]) -> Vec<u8> {
    let good = good();
    let bundle = Bundle::of_bytes(&good).unwrap();
    let text = bundle.manifest_bytes();
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    let mut append = |entry: &Odd<'_>| {
        let file = archive.new_file(EntryPath::verbatim(entry.path.as_bytes()));
        let file = file.unix_permissions(entry.mode).compression_method(entry.method);
        let (mut to, config) = file.start().unwrap();
        let mut writer = config.wrap(&mut to);
        writer.write_all(entry.bytes).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        to.finish(descriptor).unwrap();
    };
    append(&Odd::plain("manifest.json", &text));
    for file in &bundle.manifest().files {
        append(&Odd::plain(&file.path, &bundle.read(file).unwrap().unwrap()));
    }
    odd.iter().for_each(&mut append);
    archive.finish().unwrap();
    bytes
}

#[test]
fn entries_that_lead_elsewhere_are_refused() {
    assert!(Bundle::of_bytes(&with(&[])).is_ok());
    let long = format!("{}/x", "a".repeat(300));
    let paths = [
        "../evil.so",
        "/etc/passwd",
        "a/../../b",
        "a/b/c",
        "./x",
        "a/./b",
        "a//b",
        "a/",
        "a\\..\\b",
        ".hidden",
        "a/.so",
        "C:evil",
        "a/b\0.so",
        "",
        "readme.md",
        "ä/b.so",
        &long,
    ];
    for path in paths {
        let why = refused(&with(&[Odd::plain(path, b"x")]));
        assert!(why.starts_with("no bundle has an entry called"), "{path}: {why}");
    }
}

#[test]
fn entries_that_are_no_plain_files_are_refused() {
    let path = format!("{HERE}/libb.so");
    for mode in [0o120_777, 0o040_755, 0o060_600, 0o010_600, 0o140_600] {
        let why = refused(&with(&[Odd { mode, ..Odd::plain(&path, b"/etc/passwd") }]));
        assert!(why.ends_with("is no plain file"), "{why}");
    }
    for method in [CompressionMethod::DEFLATE, CompressionMethod::ZSTD, CompressionMethod::new(77)] {
        let why = refused(&with(&[Odd { method, ..Odd::plain(&path, b"x") }]));
        assert!(why.ends_with("is compressed or encrypted"), "{why}");
    }
}

#[test]
fn entries_that_are_there_twice_or_not_listed_are_refused() {
    let library = format!("{HERE}/libnet.so");
    let why = refused(&with(&[Odd::plain(&library, b"the library")]));
    assert!(why.ends_with("is there twice"), "{why}");
    let why = refused(&with(&[Odd::plain("manifest.json", b"{}")]));
    assert_eq!(why, "manifest.json is there twice");
    let why = refused(&with(&[Odd::plain(&format!("{HERE}/libx.so"), b"x")]));
    assert!(why.starts_with("its manifest.json does not list"), "{why}");
}

#[test]
fn entries_that_share_their_bytes_are_refused() {
    // The last entry of the table is made to begin where the one before it does.
    let mut bytes = good();
    let headers: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).collect();
    let (before, last) = (headers[headers.len() - 2], headers[headers.len() - 1]);
    let offset: Vec<u8> = bytes[before + 42..before + 46].to_vec();
    bytes[last + 42..last + 46].copy_from_slice(&offset);
    let why = refused(&bytes);
    assert!(why.contains("two different headers"), "{why}");
}

#[test]
fn sizes_and_counts_that_are_lies_are_refused() {
    let bytes = good();
    let end = bytes.len() - 22;
    let table = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"PK\x01\x02")).unwrap();
    for (at, value) in [
        (end + 10, vec![0xff, 0xff]),
        (end + 10, vec![0, 0]),
        (end + 10, vec![3, 0]),
        (end + 16, vec![0xff; 4]),
        (table + 20, vec![0xff; 4]),
        (table + 24, vec![0xff; 4]),
        (table + 42, vec![0xff; 4]),
    ] {
        let mut changed = bytes.clone();
        changed[at..at + value.len()].copy_from_slice(&value);
        assert!(Bundle::of_bytes(&changed).is_err(), "{value:?} at {at}");
    }
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let manifest = manifest();
    let bad = [
        Parts { code: "../net", ..parts(&manifest) },
        Parts { version: "1 2", ..parts(&manifest) },
        Parts { target: "..", ..parts(&manifest) },
        Parts { library: "a/b.so", ..parts(&manifest) },
        Parts { native: vec![("libnet.so".to_owned(), vec![])], ..parts(&manifest) },
    ];
    for parts in bad {
        let error = write(&parts, Vec::new()).unwrap_err();
        assert_eq!(error.kind(), synapse_sdk::ErrorKind::Archive, "{error}");
    }
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_the_reader_panic_or_read_other_bytes(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = good();
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at.index(length)] = value;
        }
        if let Ok(bundle) = Bundle::of_bytes(&bytes) {
            for file in &bundle.manifest().files {
                let _ = bundle.read(file);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Bundle::of_bytes(&bytes);
    }
}
