//! Files that are not taken, and why.

use std::fs::File;
use std::io::Read;

use super::{FileSpecification, Found, RejectedFile};
use crate::words::words;

words! {
    /// Why a file is not taken.
    RejectReason {
        /// The same was taken already.
        DuplicateFile = "DUPLICATE_FILE",
        /// It has no content, or cannot be read.
        FileCorrupted = "FILE_CORRUPTED",
        /// Its extension is none of its specification's.
        UnsupportedExtension = "UNSUPPORTED_EXTENSION",
        /// It is larger than allowed.
        FileTooLarge = "FILE_TOO_LARGE",
        /// Its unit has no file of a required specification.
        MissingRequiredData = "MISSING_REQUIRED_DATA",
        /// It is a program, or no picture although it is called one.
        UnsafeContent = "UNSAFE_CONTENT",
        /// It was not taken by the platform, or by the action's own check.
        UploadFailed = "UPLOAD_FAILED",
    }
}

impl RejectReason {
    pub(super) fn of(self, file: impl Into<String>, reason: impl Into<String>) -> RejectedFile {
        RejectedFile { file: file.into(), code: self.as_str().to_owned(), reason: reason.into() }
    }
}

/// The files that pass.
pub(super) fn files(
    found: Vec<Found>,
    specifications: &[FileSpecification],
    limit: u64,
    rejected: &mut Vec<RejectedFile>,
) -> Vec<Found> {
    let passes = |found: &Found| match problem(found, &specifications[found.specification], limit) {
        None => true,
        Some((reason, text)) => {
            rejected.push(reason.of(found.path.display().to_string(), text));
            false
        }
    };
    found.into_iter().filter(passes).collect()
}

fn problem(found: &Found, specification: &FileSpecification, limit: u64) -> Option<(RejectReason, String)> {
    let extension = found.path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let allowed = &specification.extensions;
    if !allowed.is_empty() && !allowed.contains(&extension) {
        let text = format!("`{}` takes {}, not `{extension}`", specification.name, allowed.join(", "));
        return Some((RejectReason::UnsupportedExtension, text));
    }
    let mut head = [0; 16];
    let read = File::open(&found.path).and_then(|mut file| {
        let size = file.metadata()?.len();
        Ok((size, file.read(&mut head)?))
    });
    match read {
        Err(error) => Some((RejectReason::FileCorrupted, format!("it cannot be read: {error}"))),
        Ok((0, _)) => Some((RejectReason::FileCorrupted, "it is empty".to_owned())),
        Ok((size, _)) if size > limit => {
            Some((RejectReason::FileTooLarge, format!("it has {size} bytes; {limit} are allowed")))
        }
        Ok((_, read)) => unsafe_content(&head[..read], &extension),
    }
}

/// Programs under any name, and what is called a picture and begins otherwise.
fn unsafe_content(head: &[u8], extension: &str) -> Option<(RejectReason, String)> {
    let is_program = [b"\x7fELF".as_slice(), b"MZ", b"#!"].iter().any(|magic| head.starts_with(magic));
    if is_program {
        return Some((RejectReason::UnsafeContent, "it is a program".to_owned()));
    }
    let magic: &[u8] = match extension {
        "png" => b"\x89PNG\r\n\x1a\n",
        "jpg" | "jpeg" => b"\xff\xd8\xff",
        "gif" => b"GIF8",
        "pdf" => b"%PDF-",
        _ => return None,
    };
    let differs = !head.starts_with(magic);
    differs.then(|| (RejectReason::UnsafeContent, format!("it is called `{extension}` and is none")))
}
