//! What cargo and the compiler say during a build: passed on, and summed up for
//! the error.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::BuildRequest;

#[derive(Deserialize)]
pub(super) struct CompilerMessage {
    manifest_path: PathBuf,
    message: Diagnostic,
}

#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    code: Option<Code>,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    column_start: usize,
    is_primary: bool,
    /// Where the macro was used that the place is in.
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

pub(super) struct Diagnostics<'a> {
    report: &'a mut dyn FnMut(&str),
    quiet: bool,
    /// The folder as it was named by the user, and in full.
    named: &'a Path,
    folder: &'a Path,
    errors: usize,
    first_error: Option<String>,
    /// Cargo's own error, held back until the compiler's have been reported:
    /// the two come by different pipes.
    cargo_error: Vec<String>,
}

impl<'a> Diagnostics<'a> {
    pub(super) fn new(request: &BuildRequest<'a>, folder: &'a Path, report: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            report,
            quiet: request.quiet,
            named: request.folder,
            folder,
            errors: 0,
            first_error: None,
            cargo_error: Vec::new(),
        }
    }

    /// A message of the compiler.
    pub(super) fn compiler(&mut self, message: CompilerMessage) {
        let CompilerMessage { manifest_path, message } = message;
        let is_error = message.level.starts_with("error");
        if is_error {
            self.errors += 1;
            if self.first_error.is_none() {
                self.first_error = Some(self.one_line(&message, &manifest_path));
            }
        }
        if is_error || !self.quiet {
            let rendered = message.rendered.as_deref().unwrap_or(&message.message);
            rendered.trim_end().lines().for_each(&mut *self.report);
        }
    }

    /// A line of cargo's stderr, or of a command of its own that others have written.
    pub(super) fn cargo_line(&mut self, line: String) {
        let begins = |word: &str| plain(&line).starts_with(word);
        if !self.cargo_error.is_empty() || begins("error") || begins("Error: ") {
            self.cargo_error.push(line);
        } else {
            (self.report)(&line);
        }
    }

    /// A line of cargo's stdout that is no message.
    pub(super) fn other_line(&mut self, line: &str) {
        if !self.quiet {
            (self.report)(line);
        }
    }

    /// Cargo's own error contains `text`.
    pub(super) fn says(&self, text: &str) -> bool {
        self.cargo_error.iter().any(|line| line.contains(text))
    }

    /// Reports what was held back; gives the number of compiler errors and the
    /// first error.
    pub(super) fn finish(self) -> (usize, Option<String>) {
        for line in &self.cargo_error {
            (self.report)(line);
        }
        let cargo = || summary(&self.cargo_error);
        let first = self.first_error.clone().or_else(cargo);
        (self.errors, first)
    }

    fn one_line(&self, message: &Diagnostic, manifest: &Path) -> String {
        let code = message.code.as_ref();
        let code = code.map(|c| format!("[{}]", c.code)).unwrap_or_default();
        let first = message.message.lines().next().unwrap_or_default();
        let text = format!("error{code}: {first}");
        let Some(span) = message.spans.iter().find(|span| span.is_primary) else {
            return text;
        };
        let span = self.in_package(span, manifest).unwrap_or(span);
        let file = self.place(&span.file_name, manifest);
        let (line, column) = (span.line_start, span.column_start);
        format!("{}:{line}:{column}: {text}", file.display())
    }

    /// A place within somebody else's macro is of no use to the author: the
    /// innermost place in the package that led to it is.
    fn in_package<'s>(&self, span: &'s Span, manifest: &Path) -> Option<&'s Span> {
        let used = |span: &'s Span| span.expansion.as_ref().map(|expansion| &expansion.span);
        let mut places = std::iter::successors(Some(span), |span| used(span));
        places.find(|span| Self::full_path(&span.file_name, manifest).starts_with(self.folder))
    }

    /// The compiler names files relative to the workspace root, which is the
    /// package's folder or one above.
    fn full_path(file: &str, manifest: &Path) -> PathBuf {
        let folders = manifest.ancestors().skip(1);
        let found = folders.map(|folder| folder.join(file)).find(|path| path.exists());
        found.unwrap_or_else(|| file.into())
    }

    /// The file as the user can open it.
    fn place(&self, file: &str, manifest: &Path) -> PathBuf {
        let full = Self::full_path(file, manifest);
        match full.strip_prefix(self.folder) {
            Ok(inside) if self.named == Path::new(".") => inside.to_path_buf(),
            Ok(inside) => self.named.join(inside),
            Err(_) => full,
        }
    }
}

/// Cargo's own error in one line: its first line, with the place if there is
/// one, else with the first cause.
fn summary(lines: &[String]) -> Option<String> {
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    let mut lines = lines.iter().map(|line| line.trim());
    let first = lines.next()?;
    let first = first.strip_prefix("error: ").or(first.strip_prefix("Error: ")).unwrap_or(first);
    let rest: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if let Some(place) = rest.iter().find_map(|line| line.strip_prefix("--> ")) {
        return Some(format!("{place}: {first}"));
    }
    let cause = rest.iter().skip_while(|line| **line != "Caused by:").nth(1);
    Some(match cause {
        Some(cause) => format!("{first}: {cause}"),
        None => first.into(),
    })
}

/// The text without colour sequences (`ESC [ … letter`).
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        text.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn cargos_error_becomes_one_line_with_place_or_cause() {
        let placed = lines("error: invalid type\n --> Cargo.toml:8:5\n  |\n8 | x");
        assert_eq!(summary(&placed).as_deref(), Some("Cargo.toml:8:5: invalid type"));
        let caused = lines("error: failed to parse\n\nCaused by:\n  missing field `name`");
        assert_eq!(summary(&caused).as_deref(), Some("failed to parse: missing field `name`"));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn colours_do_not_hide_an_error() {
        assert_eq!(plain("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: no"), "error: no");
        assert_eq!(plain("plain"), "plain");
    }

    #[test]
    fn cargos_error_comes_after_the_compilers() {
        let mut seen = Vec::new();
        let mut report = |line: &str| seen.push(line.to_owned());
        let folder = Path::new("/nowhere");
        let request = BuildRequest::new(folder);
        let mut diagnostics = Diagnostics::new(&request, folder, &mut report);
        diagnostics.cargo_line("   Compiling plug".into());
        diagnostics.cargo_line("error: could not compile `plug`".into());
        let message = r#"{"manifest_path": "/nowhere/Cargo.toml", "message": {
            "message": "linking failed", "level": "error", "code": null, "spans": [],
            "rendered": "error: linking failed\n\n"}}"#;
        diagnostics.compiler(serde_json::from_str(message).expect("a compiler message"));
        let summed_up = diagnostics.finish();
        assert_eq!(summed_up, (1, Some("error: linking failed".into())));
        assert_eq!(seen, ["   Compiling plug", "error: linking failed", "error: could not compile `plug`"]);
    }
}
