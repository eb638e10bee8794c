//! What a person reads of plugins that lie about: `inspect` and `list`, as text.

use std::fs;
use std::path::Path;

use synapse_tests::{Bundled, Synapse, library};

/// A text without what is another on each machine: folders, digests, versions of
/// the compiler and of libraries.
fn plain(text: &str, folder: &Path) -> String {
    let text = text.replace(&format!("{}/", folder.display()), "");
    let lines = text.lines().map(|line| {
        let kept =
            ["SDK ", "glibc ", "libraries: ", "sha256 "].iter().find(|begin| line.starts_with(**begin));
        kept.map_or_else(|| line.trim_end().to_owned(), |begin| format!("{begin}…"))
    });
    lines.map(|line| line + "\n").collect()
}

const GREET: &str = "\
SDK …
glibc …
libraries: …
sha256 …
not signed
";

const SANDBOX: &str = "
Its code is not sandboxed: it has your rights, and in this process it can read
and end everything. With --isolated its crashes end a worker only; the rights
are the same. Run only plugins you trust.
";

#[test]
fn inspect_tells_what_a_bundle_is_what_it_needs_and_what_it_can_do() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let folder = bundled.beside("dist");
    let inspect = |file: &Path| {
        let shown = synapse.call("plugin inspect").arg(file).run().code(0);
        plain(&shown.stdout, &folder)
    };
    let actions = "
ACTION     METHOD  INPUT  OUTPUT  DESCRIPTION
greet      task    -      -       Greets someone.
greet_all  task    -      -       Greets several people, each in a future of their own.
roster     task    -      -       Remembers whom it has met, as long as its worker lives.
";
    let head = "greet 0.1.0 · Greeter · custom\n";
    assert_eq!(inspect(bundled.bundle()), format!("{head}greet-0.1.0.synapse\n{GREET}{actions}{SANDBOX}"));
    // Twice, as digests are remembered the second time.
    for _ in 0..2 {
        assert_eq!(inspect(bundled.library()), format!("{head}libgreet.so\n{GREET}{actions}{SANDBOX}"));
    }
    let mut changed = fs::read(bundled.library()).expect("a library");
    let comment = changed.windows(6).rposition(|part| part == b"rustc ").expect("a comment");
    changed[comment] = b'R';
    fs::write(bundled.library(), changed).expect("it can be written");
    let told = "\nThe library was changed after its schemas were stamped into it.\n";
    assert_eq!(inspect(bundled.library()), format!("{head}libgreet.so\n{GREET}{actions}{told}{SANDBOX}"));
}

#[test]
fn list_tells_what_lies_in_a_folder_what_is_hidden_and_what_is_damaged() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let folder = bundled.beside("plugins");
    synapse
        .call("plugin list")
        .arg(folder.parent().expect("a folder"))
        .run()
        .code(0)
        .prints("no plugins; `synapse plugin create` makes one, `synapse plugin install` adds one\n");
    fs::create_dir(&folder).expect("a folder");
    let library = fs::read(library("unlisted")).expect("a library");
    for (name, bytes) in [
        ("a.synapse", fs::read(bundled.bundle()).expect("a bundle")),
        ("b.so", fs::read(bundled.library()).expect("a library")),
        ("c.so", library[..library.len() / 2].to_vec()),
        ("d.so", b"no library".to_vec()),
        ("e.so", library),
    ] {
        fs::write(folder.join(name), bytes).expect("a file");
    }
    let shown = synapse.call("plugin list").arg(&folder).run().code(0);
    let cut = fs::metadata(folder.join("c.so")).expect("a file").len();
    let text = plain(&shown.stdout, &folder);
    let (table, notes) = text.split_once("\n\n").expect("notes below the table");
    assert_eq!(
        table,
        "\
CODE      VERSION  KIND     ACTIONS                 PATH
greet     0.1.0    bundle   greet greet_all roster  a.synapse
greet     0.1.0    library  greet greet_all roster  b.so
-         -        library  damaged                 c.so
-         -        library  damaged                 d.so
unlisted  0.1.0    library  train                   e.so"
    );
    let notes: Vec<&str> = notes.lines().collect();
    assert!(notes[0].starts_with(&format!("c.so: it is cut short: {cut} of ")), "{shown}");
    assert_eq!(notes[1..], ["d.so: it is no 64-bit ELF file", "b.so: hidden by a.synapse"]);
}
