#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use synapse_sdk::ErrorKind;
use tempfile::TempDir;

use super::keyring::{Keyring, Password};
use super::{Verdict, path_beside, signature};
use crate::home::Home;

struct Place {
    folder: TempDir,
    keys: Keyring,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::at(&Home::at(folder.path().join("home")));
        Self { folder, keys }
    }

    fn file(&self, bytes: &str) -> PathBuf {
        let file = self.folder.path().join("libnet.so");
        fs::write(&file, bytes).unwrap();
        file
    }
}

#[test]
fn what_a_key_signed_it_vouches_for_until_a_byte_changes() {
    let place = Place::new();
    let key = place.keys.create("ada", Password::None).unwrap();
    assert!(key.secret && key.id.len() == 16);
    let file = place.file("code");
    assert_eq!(place.keys.verify(&file).unwrap(), Verdict::Unsigned);
    let beside = place.keys.sign("ada", Password::None, &file).unwrap();
    assert_eq!(beside, path_beside(&file));
    let known = Verdict::Known { name: "ada".to_owned(), id: key.id };
    assert_eq!(place.keys.verify(&file).unwrap(), known);
    place.file("cade");
    assert!(matches!(place.keys.verify(&file).unwrap(), Verdict::Bad(_)));
}

#[test]
fn a_key_is_trusted_by_its_file_or_its_line_and_no_longer_once_removed() {
    let (author, operator) = (Place::new(), Place::new());
    let key = author.keys.create("ada", Password::None).unwrap();
    let file = author.file("code");
    author.keys.sign("ada", Password::None, &file).unwrap();
    let unknown = Verdict::UnknownKey { id: key.id.clone() };
    assert_eq!(operator.keys.verify(&file).unwrap(), unknown);
    let text = fs::read_to_string(author.folder.path().join("home/keys/ada.pub")).unwrap();
    for public in [text.as_str(), key.public.as_str()] {
        let trusted = operator.keys.trust("ada-of-net", public).unwrap();
        assert!(!trusted.secret && trusted.id == key.id);
        assert!(operator.keys.verify(&file).unwrap().is_known());
    }
    operator.keys.remove("ada-of-net", false).unwrap();
    assert_eq!(operator.keys.verify(&file).unwrap(), unknown);
    assert_eq!(operator.keys.remove("ada-of-net", false).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn another_key_of_the_same_id_vouches_for_nothing() {
    let (author, operator) = (Place::new(), Place::new());
    let ada = author.keys.create("ada", Password::None).unwrap();
    let other = author.keys.create("other", Password::None).unwrap();
    let file = author.file("code");
    author.keys.sign("ada", Password::None, &file).unwrap();
    // The id is two bytes in, eight long; the key itself follows.
    let line = |key: &str| minisign::PublicKey::from_base64(key).unwrap().to_bytes();
    let mut forged = line(&other.public);
    forged[2..10].copy_from_slice(&line(&ada.public)[2..10]);
    let forged = minisign::PublicKey::from_bytes(&forged).unwrap().to_base64();
    assert_eq!(operator.keys.trust("forged", &forged).unwrap().id, ada.id);
    assert!(matches!(operator.keys.verify(&file).unwrap(), Verdict::Bad(_)));
}

#[test]
fn no_signature_file_makes_it_panic() {
    let place = Place::new();
    place.keys.create("ada", Password::None).unwrap();
    let file = place.file("code");
    let beside = place.keys.sign("ada", Password::None, &file).unwrap();
    let good = fs::read_to_string(&beside).unwrap();
    assert!(signature::parse(&good).is_ok());
    let lines: Vec<&str> = good.lines().collect();
    let with = |index: usize, line: &str| {
        let mut lines = lines.clone();
        lines[index] = line;
        lines.join("\n")
    };
    let (short, long) = ("A".repeat(84), "A".repeat(92));
    let mut bad = vec![with(1, ""), with(1, "RW"), with(2, ""), with(2, "trusted comment: file:other.so")];
    bad.extend(
        ["", "AA==", &short, &long, &format!("{short}===="), &format!("{short}AA==")]
            .map(|last| with(3, last)),
    );
    bad.extend((0..good.len() - 1).filter(|at| good.is_char_boundary(*at)).map(|at| good[..at].to_owned()));
    // A last character that decodes to a byte too many.
    bad.push(with(1, &format!("{}/", &lines[1][..lines[1].len() - 1])));
    for text in bad {
        fs::write(&beside, &text).unwrap();
        assert!(!place.keys.verify(&file).unwrap().is_known(), "{text}");
    }
    fs::write(&beside, [0xff, 0xfe]).unwrap();
    assert!(matches!(place.keys.verify(&file).unwrap(), Verdict::Bad(_)));
    fs::remove_file(&beside).unwrap();
    fs::create_dir(&beside).unwrap();
    assert!(matches!(place.keys.verify(&file).unwrap(), Verdict::Bad(_)));
}

#[test]
fn a_secret_key_is_its_owners_alone_and_its_password_is_needed() {
    let place = Place::new();
    place.keys.create("ada", Password::Text("tulip".to_owned())).unwrap();
    let stored = place.folder.path().join("home/keys/ada.key");
    assert_eq!(fs::metadata(&stored).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(place.keys.is_protected("ada").unwrap());
    let file = place.file("code");
    for wrong in [Password::None, Password::Text("rose".to_owned())] {
        let error = place.keys.sign("ada", wrong, &file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
    }
    place.keys.sign("ada", Password::Text("tulip".to_owned()), &file).unwrap();
    assert!(place.keys.verify(&file).unwrap().is_known());
}

#[test]
fn keys_are_listed_and_no_name_leads_elsewhere() {
    let place = Place::new();
    assert_eq!(place.keys.list().unwrap(), []);
    for name in ["zoe", "ada"] {
        place.keys.create(name, Password::None).unwrap();
    }
    let names: Vec<String> = place.keys.list().unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["ada", "zoe"]);
    assert_eq!(place.keys.create("ada", Password::None).unwrap_err().kind(), ErrorKind::Validation);
    for name in ["", ".", "..", "../ada", "a/b", "-v", "ä", "a b", &"a".repeat(65)] {
        assert_eq!(place.keys.create(name, Password::None).unwrap_err().kind(), ErrorKind::Usage, "{name}");
        assert_eq!(place.keys.find(name).unwrap_err().kind(), ErrorKind::Usage, "{name}");
    }
    let kept = place.keys.remove("zoe", false).unwrap_err();
    assert_eq!(kept.hint_text(), Some("`synapse key remove zoe --secret` removes that as well"));
    let missing = place.keys.sign("zeo", Password::None, &place.file("code")).unwrap_err();
    assert_eq!((missing.kind(), missing.hint_text()), (ErrorKind::NotFound, Some("did you mean `zoe`?")));
}

#[test]
fn what_every_load_requires_is_remembered() {
    let place = Place::new();
    assert!(!place.keys.is_required());
    place.keys.set_required(false).unwrap();
    place.keys.set_required(true).unwrap();
    assert!(place.keys.is_required());
    place.keys.set_required(false).unwrap();
    assert!(!place.keys.is_required());
}
