//! Model files on disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    checkpoint::Checkpoint,
    error::{Error, Result},
};

impl Checkpoint {
    /// Writes the file at once or not at all: a reader never sees a half.
    ///
    /// # Errors
    /// [`Error::File`] if the folder is missing or cannot be written to.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        let temporary = temporary_beside(path);
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
        written.map_err(|error| {
            // Best effort: the error that matters is the one being returned.
            let _ = fs::remove_file(&temporary);
            file_error("save", path, error)
        })
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::File`] if there is no readable file, or it is damaged or of
    /// another program or format.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| file_error("load", path, error))?;
        Self::from_bytes(&bytes).map_err(|error| file_error("load", path, error))
    }
}

fn file_error(
    doing: &'static str,
    path: &Path,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::File { doing, path: path.to_owned(), source: Box::new(source) }
}

/// In the same folder, since a rename is only atomic within a file system;
/// unique, since two trainings may save to one path.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{unique}.tmp", process::id()));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::Dataset,
        training::{Settings, Trainer},
    };

    fn trainer() -> (Trainer, Dataset) {
        let splits = Dataset::digits().expect("digits").split(1);
        let settings = Settings { seed: 1, ..Settings::default() };
        let mut trainer = Trainer::new(&splits.train, settings).expect("trainer");
        trainer.epoch().expect("epoch");
        (trainer, splits.test)
    }

    #[test]
    fn a_saved_model_predicts_and_evaluates_as_before() {
        let (trainer, test) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        let saved = trainer.checkpoint();
        saved.save(&path).expect("save");
        let loaded = Checkpoint::load(&path).expect("load");
        assert_eq!(&loaded, saved);

        let rows: Vec<Vec<f64>> = test.features().rows().into_iter().map(|r| r.to_vec()).collect();
        let predict = |of: &Checkpoint| of.model.predict(&rows).expect("predict");
        assert_eq!(predict(&loaded), predict(saved));
        let evaluate = |of: &Checkpoint| of.model.evaluate(&test).expect("evaluate");
        assert_eq!(evaluate(&loaded), evaluate(saved));
    }

    #[test]
    fn saving_replaces_the_file_and_leaves_nothing_else() {
        let (mut trainer, _) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        trainer.checkpoint().save(&path).expect("save");
        let mut reader = fs::File::open(&path).expect("open");
        trainer.epoch().expect("epoch");
        trainer.checkpoint().save(&path).expect("save again");
        assert_eq!(Checkpoint::load(&path).expect("load").epochs, 2);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);

        // Who was reading meanwhile gets the old file whole.
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).expect("read");
        assert_eq!(Checkpoint::from_bytes(&bytes).expect("whole").epochs, 1);
    }

    #[test]
    fn a_failed_save_names_the_file_and_leaves_nothing() {
        let (trainer, _) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        // The rename fails, after the temporary file was written.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).expect("folder");
        let error = trainer.checkpoint().save(&taken).expect_err("in the way");
        assert!(error.to_string().contains("taken: "), "{error}");
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn a_missing_or_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        let error = Checkpoint::load(&path).expect_err("missing").to_string();
        assert!(error.contains("model.safetensors: "), "{error}");
        fs::write(&path, b"hello, world").expect("write");
        let error = Checkpoint::load(&path).expect_err("text").to_string();
        assert!(error.contains("model.safetensors: not a usable model"), "{error}");
    }
}
