//! The signature beside a file: it is never taken for one of a trusted key, and
//! reading it never ends the process.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use synapse_host::home::Home;
use synapse_host::trust::{Keyring, Password, Verdict, path_beside};

struct Place {
    keys: Keyring,
    file: PathBuf,
    /// The one signature that holds.
    good: String,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("synapse-fuzz-signature-{}", std::process::id()));
        let keys = Keyring::at(&Home::at(folder.join("home")));
        keys.create("ada", Password::None).expect("a key");
        let file = folder.join("plugin.so");
        fs::write(&file, "code").expect("a file");
        let beside = keys.sign("ada", Password::None, &file).expect("a signature");
        let good = fs::read_to_string(beside).expect("a signature");
        Place { keys, file, good }
    })
}

// Replaces bytes of the good signature: each three bytes of the input are a
// place and what to put there, 0 a cut.
fuzz_target!(|bytes: &[u8]| {
    let place = place();
    let mut text = place.good.clone().into_bytes();
    for change in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % text.len().max(1);
        match change[2] {
            0 => text.truncate(at),
            byte => text[at] = byte,
        }
        if text.is_empty() {
            break;
        }
    }
    fs::write(path_beside(&place.file), &text).expect("a file");
    let verdict = place.keys.verify(&place.file).expect("the files can be read");
    if let Verdict::Known { .. } = verdict {
        // Only the first line, which nobody vouches for, and blanks may differ.
        let essence =
            |text: &str| text.lines().skip(1).map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(essence(&String::from_utf8_lossy(&text))[..3], essence(&place.good)[..3]);
    }
});
