//! Views: read models built only from consumed envelopes, safe to throw away.
//!
//! A view declares its collections and says what an envelope does to its documents; loading, repeat detection, writing
//! and progress are done here. All views of a service make one generation, which is one consumer group: rebuilding
//! means building another generation beside the live one.
//!
//! To add a view: implement [`View`], and list it where the service lists its views.

mod compare;
mod follow;
mod generation;
mod kept;
mod live;
mod moves;
pub mod rebuild;
mod takeover;
mod unit;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use persistence::{Collection, DocumentStore, Index, Search, StoreError, Stores, Write};
use ring::digest::{SHA256, digest};
use tokio_util::task::AbortOnDropHandle;

pub use compare::Digest;
pub(crate) use compare::{Compared, Comparison, Judgement, Side, judge, versions};
pub(crate) use follow::{Feeding, Follower};
pub use generation::{Generation, Generations, ReplacedGroups};
pub use live::{Found, LiveProgress, LiveViews};
pub use moves::{Look, Moves};
use unit::Changes;
pub use unit::{Key, UnitOfWork};

use crate::consumer::{Handler, HandlerError, Progress};
use crate::faults;
use crate::recorded::Recorded;

/// Fewer envelopes than this are not worth the trouble of sharing them out.
const MANY: usize = 64;

/// One read model. It has its collections to itself.
#[async_trait]
pub trait View: Send + Sync {
    /// The collections it writes, by their plain names, with the indexes its readers search by.
    fn collections(&self) -> &'static [(&'static str, &'static [Index])];

    /// Raised when its documents are kept in another way than they were, under the same names: those that are there are
    /// not gone on with then, but have to be built anew.
    fn form(&self) -> u32 {
        Generations::FIRST_FORM
    }

    /// Names the documents that [`View::apply`] will change, so that those of a whole batch are loaded at once. One that
    /// is left out is loaded by itself when it is changed.
    fn touches(&self, _recorded: &Recorded, _keys: &mut Vec<Key>) {}

    /// What an envelope does to the documents. Called for every envelope of the log, in the order of each stream; the
    /// order between streams is open.
    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError>;
}

/// All views of a service, as the handler of one generation's consumer.
pub struct Views {
    views: Vec<Arc<dyn View>>,
    generation: Generation,
    search: Arc<dyn Search>,
}

impl Views {
    /// Declares and notes the collections of all views in `generation`. Returns how far it is, too.
    pub(crate) async fn prepare(
        views: &[Arc<dyn View>],
        generation: &Generation,
        stores: &Stores,
    ) -> Result<(Self, Progress), StoreError> {
        let (documents, search) = (Arc::clone(&stores.documents), Arc::clone(&stores.search));
        let generations = Generations::open(Arc::clone(&documents)).await?;
        let forms = forms(views);
        generations.check(generation, &forms).await?;
        generations.note(generation, &forms).await?;
        let progress = Progress::open_with_moves(Arc::clone(&documents), generation.progress()).await?;
        let views = Self::open(views.to_vec(), generation.clone(), documents, search).await?;
        Ok((views, progress))
    }

    /// Declares the collections of all views in `generation`.
    pub async fn open(
        views: Vec<Arc<dyn View>>,
        generation: Generation,
        documents: Arc<dyn DocumentStore>,
        search: Arc<dyn Search>,
    ) -> Result<Self, StoreError> {
        let mut declared = BTreeSet::new();
        for (name, indexes) in views.iter().flat_map(|view| view.collections()) {
            if declared.insert(*name) {
                let name = generation.collection(name);
                documents.declare(&Collection { name, indexes }).await?;
            }
        }
        Ok(Self {
            views,
            generation,
            search,
        })
    }

    pub(crate) fn generation(&self) -> &Generation {
        &self.generation
    }
}

/// The collections of all views, by their plain names.
pub(crate) fn collections(views: &[Arc<dyn View>]) -> BTreeSet<String> {
    let all = views.iter().flat_map(|view| view.collections());
    all.map(|(name, _)| (*name).to_owned()).collect()
}

/// The form of each collection, by its plain name.
pub(crate) type Forms = BTreeMap<String, u32>;

pub(crate) fn forms(views: &[Arc<dyn View>]) -> Forms {
    let of = |view: &Arc<dyn View>| {
        let form = view.form();
        view.collections()
            .iter()
            .map(move |(name, _)| ((*name).to_owned(), form))
    };
    views.iter().flat_map(of).collect()
}

/// Tells what builds these views from what built others: another version of the program, or views declared otherwise.
pub(crate) fn program(views: &[Arc<dyn View>]) -> String {
    let mut declared: Vec<_> = views.iter().flat_map(|view| view.collections()).collect();
    declared.sort_by_key(|(name, _)| *name);
    let text = format!("{} {declared:?} {:?}", env!("CARGO_PKG_VERSION"), forms(views));
    hex::encode(digest(&SHA256, text.as_bytes()))
}

#[async_trait]
impl Handler for Views {
    async fn handle(
        &self,
        batch: &Arc<[Recorded]>,
        documents: &Arc<dyn DocumentStore>,
    ) -> Result<Vec<Write>, HandlerError> {
        let built = self.views.iter().map(|view| {
            let unit = UnitOfWork::new(self.generation.clone(), Arc::clone(documents));
            build(Arc::clone(view), Arc::clone(batch), unit)
        });
        let built = match batch.len() >= MANY {
            true => all_at_once(built).await?,
            false => try_join_all(built).await?,
        };
        faults::point("views.computed");
        let mut writes = Vec::new();
        for (of_view, texts) in built {
            for (collection, entries) in texts {
                self.search.index(&collection, &entries).await?;
                faults::point("views.indexed");
            }
            writes.extend(of_view);
        }
        Ok(writes)
    }
}

/// What a batch does to the documents of one view.
async fn build(view: Arc<dyn View>, batch: Arc<[Recorded]>, mut unit: UnitOfWork) -> Result<Changes, StoreError> {
    let mut keys = Vec::new();
    batch.iter().for_each(|recorded| view.touches(recorded, &mut keys));
    unit.load_all(keys).await?;
    for recorded in batch.iter() {
        view.apply(recorded, &mut unit).await?;
    }
    unit.finish()
}

/// Builds views on all processors, in their order.
async fn all_at_once(
    views: impl Iterator<Item = impl Future<Output = Result<Changes, StoreError>> + Send + 'static>,
) -> Result<Vec<Changes>, StoreError> {
    let building: Vec<_> = views.map(|view| AbortOnDropHandle::new(tokio::spawn(view))).collect();
    let mut built = Vec::with_capacity(building.len());
    for view in building {
        let changes = view.await.unwrap_or_else(|died| match died.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(StoreError::Unknown(Box::new(cancelled))),
        });
        built.push(changes?);
    }
    Ok(built)
}
