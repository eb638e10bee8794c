//! Paths that come from a dataset, made safe to join to a folder.

/// The longest name most file systems take, less room for an ending.
const MAX_NAME: usize = 240;

/// What a path from a dataset turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Safe to join.
    Safe(String),
    /// It was absolute; its last part is safe to join.
    Absolute(String),
    /// It must not be used.
    Unsafe,
}

/// Checks a path. Backslashes part names as they do on Windows, where much
/// data is made.
pub(crate) fn check(path: &str) -> Checked {
    if is_plain(path) {
        return Checked::Safe(path.to_owned());
    }
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("file://").unwrap_or(&path);
    let is_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.starts_with('/') || is_drive {
        let last = path.rsplit(['/', ':']).find(|part| !part.is_empty() && *part != ".");
        return last
            .filter(|part| is_name(part))
            .map_or(Checked::Unsafe, |last| Checked::Absolute(shortened(last)));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() || !parts.iter().all(|part| is_name(part)) {
        return Checked::Unsafe;
    }
    Checked::Safe(parts.into_iter().map(shortened).collect::<Vec<_>>().join("/"))
}

/// Most paths are one short name with nothing to look at twice.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    path.len() <= MAX_NAME
        && path.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && path.bytes().all(plain)
}

/// Whether it names something in a folder, and nothing above it.
fn is_name(part: &str) -> bool {
    part != ".." && !part.contains('\0')
}

/// A name cut to what file systems take. What was cut is told apart by a
/// number made of it.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name);
    let ending = if ending.len() > 16 { "" } else { ending };
    let mut cut = MAX_NAME - ending.len() - 17;
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{:016x}{ending}", &stem[..cut], hash(name.as_bytes()))
}

/// FNV-1a: the same on every machine and in every version.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A path as what stands before its ending, and the ending with its dot.
pub(crate) fn split_ending(path: &str) -> (&str, &str) {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    match path[name..].rfind('.') {
        Some(dot) if dot > 0 => path.split_at(name + dot),
        _ => (path, ""),
    }
}

/// A name as a line of a text file.
pub(crate) fn one_line(name: &str) -> String {
    name.replace(['\n', '\r'], " ")
}

/// A path as one name.
pub(crate) fn flat(path: &str) -> String {
    path.replace('/', "_")
}

/// Whether a file with this name is a picture.
pub(crate) fn is_picture(name: &str) -> bool {
    const ENDINGS: [&str; 12] =
        ["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "gif", "jfif", "jpe", "dng", "heic"];
    let ending = split_ending(name).1;
    ENDINGS.iter().any(|known| ending.len() > 1 && ending[1..].eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(path: &str) -> Checked {
        Checked::Safe(path.to_owned())
    }

    #[test]
    fn paths_that_leave_the_folder_are_unsafe() {
        for path in ["../x.jpg", "a/../../x.jpg", "..", "", "./", "a\\..\\..\\b", "/..", "a\0b"] {
            assert_eq!(check(path), Checked::Unsafe, "{path:?}");
        }
    }

    #[test]
    fn absolute_paths_keep_their_last_part() {
        for path in
            ["/data/x.jpg", "C:\\data\\x.jpg", "c:x.jpg", "\\\\server\\share\\x.jpg", "file:///data/x.jpg"]
        {
            assert_eq!(check(path), Checked::Absolute("x.jpg".into()), "{path:?}");
        }
    }

    #[test]
    fn other_paths_stay() {
        assert_eq!(check("batch_1/000006.JPG"), safe("batch_1/000006.JPG"));
        assert_eq!(check("a weird.näme..jpg"), safe("a weird.näme..jpg"));
        assert_eq!(check(".\\a\\\\b.jpg"), safe("a/b.jpg"));
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let name = |last: char| format!("{}{last}.jpg", "é".repeat(300));
        let Checked::Safe(one) = check(&name('1')) else { panic!("it is safe") };
        let Checked::Safe(two) = check(&name('2')) else { panic!("it is safe") };
        assert!(one.len() <= MAX_NAME && one.ends_with(".jpg"));
        assert_ne!(one, two);
    }

    #[test]
    fn endings_are_of_the_last_name() {
        assert_eq!(split_ending("a.b/c"), ("a.b/c", ""));
        assert_eq!(split_ending("a/b.c.jpg"), ("a/b.c", ".jpg"));
        assert_eq!(split_ending(".hidden"), (".hidden", ""));
        assert!(is_picture("A.JPG") && !is_picture("a.txt") && !is_picture("jpg"));
    }
}
