//! The identity of a plugin: put together at compile time, read from whatever
//! bytes a file holds.
#![expect(unsafe_code, reason = "looks at the bytes of a static, as a file holds them")]
#![expect(clippy::unwrap_used, reason = "tests")]

use synapse_sdk::__private::{Listable as _, Listed, distinct_names};
use synapse_sdk::abi::identity::{
    BadIdentity, Blob, Identity, MAX_CONFIG, MAX_JSON, Package, check_services, flags, json_len,
};
use synapse_sdk::abi::layout::{ABI_MAJOR, ABI_MINOR, BLOB_VERSION, MAGIC};
use synapse_sdk::abi::target_features::detected;
use synapse_sdk::prelude::*;

/// Trains.
#[action(name = "train-fast", category = NeuralNet, method = Job, input = synapse_sdk::data_type::YoloDataset)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action]
fn r#move(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

const PACKAGE: Package = Package {
    name: "net",
    version: "1.2.3-rc.1+build",
    requires: &["client.request/1", "work_dir/1"],
    target_features: &["avx2", "fma"],
};
const BARE: Package = Package { name: "bare", version: "0.0.0", requires: &[], target_features: &[] };
const LISTED: &[Listed] = &[train::LISTED, r#move::LISTED];
const CONFIG: &[u8] = "name: Größe # \"quoted\" \\ and\nall\n".as_bytes();

static BLOB: Blob<{ json_len(&PACKAGE, LISTED) }, { CONFIG.len() }> =
    Blob::new(flags(true, true, false), &PACKAGE, LISTED, CONFIG);
static EMPTY: Blob<{ json_len(&BARE, &[]) }, 0> = Blob::new(flags(false, false, true), &BARE, &[], &[]);

fn bytes_of<const JSON: usize, const LEN: usize>(blob: &'static Blob<JSON, LEN>) -> &'static [u8] {
    // What `repr(C)` adds at the end is not part of the identity.
    let len = 32 + JSON + LEN;
    assert!(size_of_val(blob) >= len);
    // SAFETY: the blob is as long, and all of it is initialised up to there.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(blob).cast(), len) }
}

#[test]
fn what_was_put_together_is_read() {
    let identity = Identity::parse(bytes_of(&BLOB)).unwrap();
    assert_eq!((identity.abi_major, identity.abi_minor), (ABI_MAJOR, ABI_MINOR));
    assert!(identity.panic_unwinds && identity.actions_listed && !identity.debug_build);
    assert_eq!(identity.config.as_bytes(), CONFIG);
    let facts = identity.facts;
    assert_eq!((facts.package.as_str(), facts.version.as_str()), ("net", "1.2.3-rc.1+build"));
    assert!(facts.rustc.starts_with("rustc ") && facts.target.contains('-'), "{facts:?}");
    assert_eq!(facts.requires, ["client.request/1", "work_dir/1"]);
    assert_eq!(facts.target_features, ["avx2", "fma"]);
    let told: Vec<_> =
        facts.actions.iter().map(|action| (action.name.as_str(), action.item.as_str())).collect();
    assert_eq!(told, [("train-fast", "train"), ("move", "move")]);
    let train = &facts.actions[0];
    assert_eq!((train.module.as_str(), train.method.as_str()), ("identity", "job"));
    assert_eq!(
        (train.category.as_str(), train.input.as_str(), train.output.as_str()),
        ("neural_net", "yolo_dataset", "")
    );
}

#[test]
fn an_identity_without_actions_and_config_is_one() {
    let identity = Identity::parse(bytes_of(&EMPTY)).unwrap();
    assert!(!identity.panic_unwinds && !identity.actions_listed && identity.debug_build);
    assert!(identity.facts.actions.is_empty() && identity.config.is_empty());
    assert!(identity.facts.requires.is_empty() && identity.facts.target_features.is_empty());
}

#[test]
fn an_identity_that_lacks_what_came_later_is_one() {
    let json = br#"{"crate":"old","version":"0.1.0","sdk":"0.0.9","rustc":"","target":""}"#;
    let mut bytes = bytes_of(&EMPTY)[..32].to_vec();
    bytes[24..28].copy_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(json);
    let facts = Identity::parse(&bytes).unwrap().facts;
    assert!(facts.actions.is_empty() && facts.requires.is_empty() && facts.target_features.is_empty());
}

#[test]
fn a_service_is_named_with_its_number() {
    check_services(&["client.request/1", "work_dir/12"]);
    for wrong in ["", "client", "client/", "/1", "Client/1", "client/1a", "a\"/1"] {
        let refused = std::panic::catch_unwind(|| check_services(&[wrong]));
        assert!(refused.is_err(), "{wrong}");
    }
}

#[test]
fn what_this_machine_was_built_for_it_has() {
    const COMPILED: &[(&str, bool)] = synapse_sdk::__target_features!(synapse_sdk::__compiled_features);
    for (feature, enabled) in COMPILED {
        assert!(!enabled || detected(feature), "{feature}");
    }
    assert!(!detected("avx9000"));
}

#[test]
#[should_panic(expected = "`train` is listed twice")]
fn an_action_is_listed_once() {
    distinct_names(LISTED);
    distinct_names(&[train::LISTED, r#move::LISTED, train::LISTED]);
}

#[test]
fn more_bytes_may_follow() {
    let mut bytes = bytes_of(&BLOB).to_vec();
    bytes.extend([0xff; 100]);
    assert_eq!(Identity::parse(&bytes), Identity::parse(bytes_of(&BLOB)));
}

#[test]
fn every_shorter_length_is_told() {
    let bytes = bytes_of(&BLOB);
    for len in 0..bytes.len() {
        assert_eq!(Identity::parse(&bytes[..len]), Err(BadIdentity::Truncated), "{len} bytes");
    }
}

#[test]
fn what_is_no_identity_is_told_by_what_is_wrong() {
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes_of(&BLOB).to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        Identity::parse(&bytes).map(drop)
    };
    assert_eq!(with(0, b"synapse"), Err(BadIdentity::NoMagic));
    assert_eq!(with(8, &9_u16.to_le_bytes()), Err(BadIdentity::BlobVersion(9)));
    let oversize = |limit: usize| (limit as u32 + 1).to_le_bytes();
    assert_eq!(with(24, &oversize(MAX_JSON)), Err(BadIdentity::Oversize));
    assert_eq!(with(28, &oversize(MAX_CONFIG)), Err(BadIdentity::Oversize));
    assert_eq!(with(24, &u32::MAX.to_le_bytes()), Err(BadIdentity::Oversize));
    assert_eq!(with(24, &(MAX_JSON as u32).to_le_bytes()), Err(BadIdentity::Truncated));
    assert_eq!(with(28, &(MAX_CONFIG as u32).to_le_bytes()), Err(BadIdentity::Truncated));
    for garbage in [&b"["[..], b"\xff\xff\xff\xff", b"\0"] {
        assert!(matches!(with(32, garbage), Err(BadIdentity::Json(_))), "{garbage:?}");
    }
    // Half of the JSON is not JSON.
    assert!(matches!(with(24, &20_u32.to_le_bytes()), Err(BadIdentity::Json(_))));
    // JSON of something else.
    let mut bytes = bytes_of(&BLOB)[..34].to_vec();
    bytes[24..32].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
    bytes[32..].copy_from_slice(b"{}");
    assert!(matches!(Identity::parse(&bytes), Err(BadIdentity::Json(_))));
}

#[test]
fn a_later_interface_is_read_so_that_it_can_be_named() {
    let mut bytes = bytes_of(&BLOB).to_vec();
    bytes[10..14].copy_from_slice(&[7, 0, 9, 0]);
    bytes[16..24].copy_from_slice(&[0xff; 8]);
    let identity = Identity::parse(&bytes).unwrap();
    assert_eq!((identity.abi_major, identity.abi_minor), (7, 9));
}

#[test]
fn a_config_that_is_no_text_is_shown_as_far_as_it_goes() {
    let mut bytes = bytes_of(&BLOB).to_vec();
    *bytes.last_mut().unwrap() = 0xff;
    assert!(Identity::parse(&bytes).unwrap().config.ends_with('\u{fffd}'));
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let good = bytes_of(&BLOB);
    let mut numbers = Numbers(0x5eed);
    let mut read = 0;
    for _ in 0..50_000 {
        let mut bytes = good.to_vec();
        for _ in 0..=numbers.below(4) {
            // The header half of the time: there the branches are.
            let end = [32, bytes.len()][numbers.below(2)];
            let at = numbers.below(end);
            bytes[at] = numbers.below(256) as u8;
        }
        bytes.truncate(numbers.below(bytes.len() * 4));
        read += usize::from(Identity::parse(&bytes).is_ok());
    }
    assert!((1..50_000).contains(&read), "{read} were read");
    for _ in 0..10_000 {
        let mut bytes: Vec<u8> = (0..numbers.below(200)).map(|_| numbers.below(256) as u8).collect();
        assert!(Identity::parse(&bytes).is_err());
        let head = [&MAGIC[..], &BLOB_VERSION.to_le_bytes()].concat();
        bytes.splice(..0, head);
        let _ = Identity::parse(&bytes);
    }
}
