//! Inference: models that are kept loaded, inputs in batches.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::client_for;
use crate::action::Action;
use crate::client::IntoId;
use crate::context::Context;
use crate::errors::{ErrorKind, NotFoundError, PluginError, Result, ResultExt, ValidationError};
use crate::services::Checkpoint;

/// The steps of an inference, as progress names them.
pub mod inference_phase {
    /// Loading the model.
    pub const MODEL_LOAD: &str = "model_load";
    /// The inference itself.
    pub const INFERENCE: &str = "inference";
    /// What comes after it, where there is something.
    pub const POSTPROCESS: &str = "postprocess";
}

/// What an action that applies a model needs, beside applying it.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{InferenceAction, ModelCache};
///
/// #[params]
/// struct ScaleParams { model: Option<Id>, numbers: Vec<f64> }
///
/// /// Multiplies by what the model says.
/// #[derive(Action, Default)]
/// #[action(name = "scale")]
/// struct Scale { models: ModelCache<f64> }
///
/// impl InferenceAction for Scale {
///     type Model = f64;
///     type Input = f64;
///     type Prediction = f64;
///
///     fn models(&self) -> &ModelCache<f64> {
///         &self.models
///     }
///
///     fn read_model(&self, checkpoint: &Checkpoint) -> Result<f64> {
///         Ok(std::fs::read_to_string(&checkpoint.path)?.trim().parse()?)
///     }
///
///     fn infer(&self, model: &f64, batch: Vec<f64>) -> Result<Vec<f64>> {
///         Ok(batch.into_iter().map(|number| number * model).collect())
///     }
/// }
///
/// impl Action for Scale {
///     type Params = ScaleParams;
///     type Output = Vec<f64>;
///
///     fn execute(&self, params: ScaleParams, ctx: &Context) -> Result<Vec<f64>> {
///         let model = self.load_model(&params.model, ctx)?;
///         let mut scaled = Vec::new();
///         self.infer_all(&model, params.numbers.into_iter().map(Ok), 2, ctx, |number| {
///             scaled.push(number);
///             Ok(())
///         })?;
///         Ok(scaled)
///     }
/// }
///
/// # let path = std::env::temp_dir().join(format!("scale-doc-{}", std::process::id()));
/// std::fs::write(&path, "10")?;
/// let executor = LocalExecutor::new().checkpoint(Checkpoint::new("base", &path));
/// let run = executor.execute::<Scale>(json!({ "numbers": [1, 2, 3] }))?;
/// assert_eq!(run.value(), &json!([10.0, 20.0, 30.0]));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), PluginError>(())
/// ```
pub trait InferenceAction: Action {
    /// A model that is loaded.
    type Model: Send + Sync + 'static;
    /// What a model is asked about.
    type Input;
    /// What it says.
    type Prediction;

    /// The models that are kept loaded: a field of the action.
    fn models(&self) -> &ModelCache<Self::Model>;

    /// Reads a model's file or folder.
    ///
    /// # Errors
    /// Anything.
    fn read_model(&self, checkpoint: &Checkpoint) -> Result<Self::Model>;

    /// Applies the model to a few inputs, in order. What it says of each comes
    /// back in the same order.
    ///
    /// # Errors
    /// Anything.
    fn infer(&self, model: &Self::Model, batch: Vec<Self::Input>) -> Result<Vec<Self::Prediction>>;

    /// Gives the phases their shares of the run: 20 for loading the model, 80
    /// for the inference.
    fn plan_phases(&self, ctx: &Context) {
        ctx.plan_steps(&[(inference_phase::MODEL_LOAD, 20.0), (inference_phase::INFERENCE, 80.0)]);
    }

    /// The model of the context, which whoever started the run gave, else the
    /// one that the params name; read once, and kept for later calls. Reports
    /// [`inference_phase::MODEL_LOAD`].
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when neither names one,
    /// [`NotFound`](ErrorKind::NotFound) when it is not there,
    /// [`Unsupported`](ErrorKind::Unsupported) when there is no client to ask
    /// for it; what [`read_model`](Self::read_model) fails with.
    fn load_model(&self, model: impl IntoId, ctx: &Context) -> Result<Arc<LoadedModel<Self::Model>>> {
        ctx.set_progress(0, 1, inference_phase::MODEL_LOAD)?;
        let checkpoint = find_model(model, ctx)?;
        let loaded = self.models().get(checkpoint, |checkpoint| self.read_model(checkpoint))?;
        ctx.set_progress(1, 1, inference_phase::MODEL_LOAD)?;
        Ok(loaded)
    }

    /// Applies a model to inputs, `batch_size` at a time, and hands on what it
    /// says of each. No more inputs are read than a batch holds, so there may
    /// be any number of them. Reports [`inference_phase::INFERENCE`] where the
    /// inputs know how many they are. Gives their number.
    ///
    /// # Errors
    /// That of the first input that is one, what [`infer`](Self::infer) and
    /// `each` fail with; [`Cancelled`](ErrorKind::Cancelled) between batches.
    fn infer_all(
        &self,
        model: &LoadedModel<Self::Model>,
        inputs: impl IntoIterator<Item = Result<Self::Input>>,
        batch_size: usize,
        ctx: &Context,
        mut each: impl FnMut(Self::Prediction) -> Result<()>,
    ) -> Result<u64> {
        let mut inputs = inputs.into_iter();
        let total = match inputs.size_hint() {
            (at_least, Some(at_most)) if at_least == at_most => Some(at_least as u64),
            _ => None,
        };
        let mut done = 0;
        loop {
            ctx.check_cancelled()?;
            let batch = inputs.by_ref().take(batch_size.max(1)).collect::<Result<Vec<_>>>();
            let batch = batch.with_context(|| format!("reading the inputs after the first {done}"))?;
            if batch.is_empty() {
                return Ok(done);
            }
            let asked = batch.len();
            let predictions = self.infer(&model.model, batch)?;
            if predictions.len() != asked {
                let said = predictions.len();
                let message =
                    format!("the model was asked about {asked} inputs and said something of {said}");
                return Err(PluginError::new(ErrorKind::Execution, message)
                    .hint("`infer` gives one prediction for each input, in their order"));
            }
            predictions.into_iter().try_for_each(&mut each)?;
            done += asked as u64;
            if let Some(total) = total {
                ctx.set_progress(done.min(total), total, inference_phase::INFERENCE)?;
            }
        }
    }
}

fn find_model(model: impl IntoId, ctx: &Context) -> Result<Checkpoint> {
    if let Some(checkpoint) = ctx.checkpoint() {
        if !checkpoint.path.exists() {
            let path = checkpoint.path.display();
            return Err(NotFoundError::new(format!("the context's checkpoint is not at {path}"))
                .hint("start the run with another one, or with none"));
        }
        return Ok(checkpoint.clone());
    }
    let id = model.into_id().ok_or_else(|| {
        ValidationError::new("neither the params nor the context name a model")
            .hint("give one, such as -P model=model-1 or --checkpoint PATH")
    })?;
    let model = client_for(ctx, "model", &id)?.model(&id);
    Ok(model.with_context(|| format!("the params name the model `{id}`"))?.into())
}

/// A model with what is known of it.
pub struct LoadedModel<M> {
    checkpoint: Checkpoint,
    model: M,
}

impl<M> LoadedModel<M> {
    /// What is known of it.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }
}

/// Keeps the models that were used last, at most so many; one unless
/// [`new`](Self::new) says otherwise. A model whose file changed is read again.
pub struct ModelCache<M> {
    capacity: usize,
    /// The one used last is last.
    kept: Mutex<Vec<Kept<M>>>,
}

struct Kept<M> {
    key: Key,
    slot: Arc<Slot<M>>,
}

/// Calls that want the same model wait for the first of them to read it.
type Slot<M> = OnceLock<Result<Arc<LoadedModel<M>>, Failed>>;

/// Why a model could not be read, for all who waited for it.
type Failed = Arc<Vec<u8>>;

/// Where a model is, and when that changed last.
#[derive(Clone, PartialEq)]
struct Key {
    path: PathBuf,
    changed: Option<(SystemTime, u64)>,
}

impl Key {
    fn of(checkpoint: &Checkpoint) -> Self {
        let metadata = std::fs::metadata(&checkpoint.path).ok();
        let changed = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        Self { path: checkpoint.path.clone(), changed }
    }
}

impl<M> Default for ModelCache<M> {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<M> ModelCache<M> {
    /// Room for `capacity` models, at least one. Models that are in use stay
    /// in memory beyond that, until their calls end.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), kept: Mutex::default() }
    }

    /// The model of a checkpoint; `read` is called when it is not kept. Other
    /// models can be had meanwhile.
    ///
    /// # Errors
    /// What `read` fails with, also for calls that waited for the same model.
    /// It is tried again by the next one.
    pub fn get(
        &self,
        checkpoint: Checkpoint,
        read: impl FnOnce(&Checkpoint) -> Result<M>,
    ) -> Result<Arc<LoadedModel<M>>> {
        let key = Key::of(&checkpoint);
        let slot = self.slot(&key);
        let loaded = slot.get_or_init(|| match read(&checkpoint) {
            Ok(model) => Ok(Arc::new(LoadedModel { checkpoint, model })),
            Err(error) => Err(Arc::new(error.to_json_bytes())),
        });
        match loaded {
            Ok(loaded) => Ok(Arc::clone(loaded)),
            Err(failed) => {
                self.lock().retain(|kept| !Arc::ptr_eq(&kept.slot, &slot));
                Err(PluginError::from_json(failed))
            }
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a model, moved to the end; others make room for it.
    fn slot(&self, key: &Key) -> Arc<Slot<M>> {
        let mut kept = self.lock();
        let found = kept.iter().position(|kept| kept.key == *key).map(|place| kept.remove(place));
        // A file that changed is another model.
        kept.retain(|kept| kept.key.path != key.path);
        let slot = found.map_or_else(Arc::default, |found| found.slot);
        kept.push(Kept { key: key.clone(), slot: Arc::clone(&slot) });
        let over = kept.len().saturating_sub(self.capacity);
        let dropped: Vec<_> = kept.drain(..over).collect();
        drop(kept);
        // Only now: a model may take long to drop.
        drop(dropped);
        slot
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Kept<M>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::client::{Client, FileStore, Id, NewModel};
    use crate::prelude::{LocalExecutor, Value, json, params};

    #[params]
    struct ScaleParams {
        model: Option<Id>,
        numbers: Vec<f64>,
        #[param(default = 2)]
        batch_size: usize,
        /// The model forgets this many predictions
        #[param(default = 0)]
        forget: usize,
    }

    /// Multiplies by what the model says.
    #[derive(crate::action::Action, Default)]
    #[action(name = "scale")]
    struct Scale {
        models: ModelCache<f64>,
        forget: AtomicUsize,
    }

    impl InferenceAction for Scale {
        type Model = f64;
        type Input = f64;
        type Prediction = f64;

        fn models(&self) -> &ModelCache<f64> {
            &self.models
        }

        fn read_model(&self, checkpoint: &Checkpoint) -> Result<f64> {
            Ok(std::fs::read_to_string(&checkpoint.path)?.parse()?)
        }

        fn infer(&self, model: &f64, batch: Vec<f64>) -> Result<Vec<f64>> {
            assert!(batch.len() <= 3, "more than a batch");
            let forget = self.forget.load(Ordering::Relaxed);
            Ok(batch.into_iter().map(|number| number * model).skip(forget).collect())
        }
    }

    impl Action for Scale {
        type Params = ScaleParams;
        type Output = Vec<f64>;

        fn execute(&self, params: ScaleParams, ctx: &Context) -> Result<Vec<f64>> {
            self.plan_phases(ctx);
            self.forget.store(params.forget, Ordering::Relaxed);
            let model = self.load_model(&params.model, ctx)?;
            let mut scaled = Vec::new();
            let read = |number: f64| match number {
                n if n < 0.0 => Err(ValidationError::new("negative")),
                n => Ok(n),
            };
            self.infer_all(&model, params.numbers.into_iter().map(read), params.batch_size, ctx, |number| {
                scaled.push(number);
                Ok(())
            })?;
            Ok(scaled)
        }
    }

    fn run(params: Value) -> Result<crate::testing::LocalRun> {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::at(folder.path().join("store"));
        let file = folder.path().join("weights.txt");
        std::fs::write(&file, "10").unwrap();
        (&store as &dyn Client).create_model(NewModel::new(file)).unwrap();
        LocalExecutor::new().client(store).execute::<Scale>(params)
    }

    #[test]
    fn inputs_come_in_batches_and_predictions_in_their_order() {
        let run = run(json!({ "model": 1, "numbers": [1, 2, 3, 4, 5] })).unwrap();
        assert_eq!(run.value(), &json!([10.0, 20.0, 30.0, 40.0, 50.0]));
        let done: Vec<u64> =
            run.progress(inference_phase::INFERENCE).iter().map(|progress| progress.current).collect();
        assert_eq!(done, [2, 4, 5]);
        assert_eq!(run.progress(inference_phase::MODEL_LOAD).last().unwrap().overall, 20.0);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let failed = |params: Value| run(params).unwrap_err();
        let none = failed(json!({ "numbers": [1] }));
        assert_eq!(none.message(), "neither the params nor the context name a model");
        let wrong = failed(json!({ "model": "model-9", "numbers": [1] }));
        assert_eq!(
            (wrong.kind(), wrong.message()),
            (ErrorKind::NotFound, "the params name the model `model-9`")
        );
        let input = failed(json!({ "model": 1, "numbers": [1, 2, 3, -1] }));
        assert_eq!(input.to_string(), "reading the inputs after the first 2: negative");
        let forgetful = failed(json!({ "model": 1, "numbers": [1, 2], "forget": 1 }));
        assert_eq!(forgetful.message(), "the model was asked about 2 inputs and said something of 1");
    }

    fn checkpoint(folder: &std::path::Path, name: &str) -> Checkpoint {
        let path = folder.join(name);
        std::fs::write(&path, name).unwrap();
        Checkpoint::new("base", path)
    }

    #[test]
    fn the_models_used_last_are_kept_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| checkpoint(folder.path(), name));
        let cache = ModelCache::new(2);
        let reads = AtomicUsize::new(0);
        let get = |checkpoint: &Checkpoint| {
            let loaded = cache.get(checkpoint.clone(), |checkpoint| {
                reads.fetch_add(1, Ordering::Relaxed);
                Ok(std::fs::read_to_string(&checkpoint.path)?)
            });
            (loaded.unwrap().model().clone(), reads.load(Ordering::Relaxed))
        };
        assert_eq!(get(&a), ("a".to_owned(), 1));
        assert_eq!(get(&b).1, 2);
        assert_eq!(get(&a).1, 2, "kept");
        assert_eq!(get(&c).1, 3, "in the place of b");
        assert_eq!((get(&a).1, get(&b).1, cache.len()), (3, 4, 2));
        std::fs::write(&b.path, "another").unwrap();
        assert_eq!(get(&b), ("another".to_owned(), 5));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn a_model_is_read_once_for_all_who_wait_and_again_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = checkpoint(folder.path(), "a");
        let cache = ModelCache::<u32>::default();
        let reads = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    cache.get(wanted.clone(), |_| {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        Ok(reads.fetch_add(1, Ordering::Relaxed) as u32)
                    })
                });
            }
        });
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        let other = checkpoint(folder.path(), "b");
        let error = cache.get(other.clone(), |_| Err(ValidationError::new("no model"))).err().unwrap();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Validation, "no model"));
        assert_eq!(*cache.get(other, |_| Ok(7)).unwrap().model(), 7);
    }
}
