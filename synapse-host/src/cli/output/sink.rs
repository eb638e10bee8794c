//! Where text goes.

use std::io::{self, Write};

/// One of the two streams of the process.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    Stdout,
    Stderr,
    #[cfg(test)]
    Memory(std::sync::Arc<std::sync::Mutex<Vec<u8>>>),
}

impl Sink {
    /// Writes `text` in one piece.
    ///
    /// # Errors
    /// The stream takes no more. That nobody reads it any longer is no error:
    /// what a reader has closed it does not want.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        let written = match self {
            Self::Stdout => write_all(io::stdout().lock(), text),
            Self::Stderr => write_all(io::stderr().lock(), text),
            #[cfg(test)]
            Self::Memory(bytes) => write_all(&mut *bytes.lock().map_err(|_| io::ErrorKind::Other)?, text),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Writes what is for information only: where it cannot be written there is
    /// nobody left to tell.
    pub(super) fn tell(&self, text: &str) {
        let _ = self.write(text);
    }
}

fn write_all(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

#[cfg(test)]
impl Sink {
    pub(super) fn memory() -> Self {
        Self::Memory(std::sync::Arc::default())
    }

    /// What was written, taken out.
    pub(super) fn taken(&self) -> String {
        match self {
            Self::Memory(bytes) => {
                let mut bytes = bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                String::from_utf8_lossy(&std::mem::take(&mut *bytes)).into_owned()
            }
            Self::Stdout | Self::Stderr => String::new(),
        }
    }
}
