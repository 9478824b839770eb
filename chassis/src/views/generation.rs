//! Generations: one build of all of a service's views, with its own collections and consumer group.
//!
//! A few documents tell which there are: a note for each, a pointer to the one that is read, and one to the one that is
//! being built. What is made is noted first, so that whatever a crash leaves behind can be found and dropped.

use std::sync::Arc;

use persistence::{Body, Collection, DocumentStore, Expect, PutError, StoreError, Write};
use serde_json::{Value, json};

use super::Forms;

const POINTERS: &str = "generations";
const LIVE: &str = "live";
const BUILDING: &str = "building";
/// Before the number in the id of a generation's note.
const NOTE: &str = "generation_";
/// Notes read at a time.
const PAGE: usize = 100;
/// The collection of each generation that holds how far it is.
const PROGRESS: &str = "progress";

/// The number of one build of the views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    number: u64,
}

impl Generation {
    /// What a fresh store begins with.
    pub(crate) const FIRST: Self = Self { number: 1 };

    pub(crate) fn numbered(number: u64) -> Self {
        Self { number }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// A view's collection as it is called in this generation.
    pub fn collection(&self, name: &str) -> String {
        format!("g{}_{name}", self.number)
    }

    /// The collection that holds how far it is.
    pub(crate) fn progress(&self) -> String {
        self.collection(PROGRESS)
    }

    /// The consumer group that builds it.
    pub fn group(&self, service: &str) -> String {
        format!("{}{}", groups_of_views(service), self.number)
    }

    fn note(&self) -> String {
        format!("{NOTE}{}", self.number)
    }
}

/// A generation that is being built to take over from the live one.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    pub(crate) generation: Generation,
    /// Whether it goes on where an earlier build ended.
    pub(crate) resumed: bool,
    pub(crate) replaces: Generation,
    /// One that was begun by another program, and is left.
    pub(crate) left: Option<Generation>,
    /// The pointer's revision when the build began; it takes over only if that is still the same.
    pointer_revision: u64,
}

/// A generation, and the collections of its views by their plain names, each with the form that it is kept in.
#[derive(Debug, Clone)]
pub(crate) struct Noted {
    pub(crate) generation: Generation,
    pub(crate) forms: Forms,
    /// By what it is built; `None` where nobody goes on with it anyway.
    program: Option<String>,
}

/// Which generations there are, and which one is read.
pub struct Generations {
    documents: Arc<dyn DocumentStore>,
}

/// Tells the consumer groups of views that were replaced from all others.
pub struct ReplacedGroups {
    views: String,
    /// Of the views that are read, and of those that are being built.
    current: Vec<String>,
}

impl Generations {
    /// The form of what was noted without one.
    pub(crate) const FIRST_FORM: u32 = 1;

    pub async fn open(documents: Arc<dyn DocumentStore>) -> Result<Self, StoreError> {
        let declared = Collection {
            name: POINTERS.to_owned(),
            indexes: &[],
        };
        documents.declare(&declared).await?;
        Ok(Self { documents })
    }

    /// The generation that is read, if there are views yet.
    pub(crate) async fn find_live(&self) -> Result<Option<Generation>, StoreError> {
        Ok(self.pointer(LIVE).await?.map(|(generation, _)| generation))
    }

    /// Tells which groups of a service are of views that nobody feeds any more, though they may not be dropped yet.
    pub async fn replaced_groups(&self, service: &str) -> Result<ReplacedGroups, StoreError> {
        let pointers = [self.pointer(LIVE).await?, self.pointer(BUILDING).await?];
        let current = pointers.into_iter().flatten();
        Ok(ReplacedGroups {
            views: groups_of_views(service),
            current: current.map(|(generation, _)| generation.group(service)).collect(),
        })
    }

    /// The generation that is read. The first call ever makes generation 1.
    pub async fn live(&self) -> Result<Generation, StoreError> {
        Ok(self.live_at().await?.0)
    }

    /// The live generation and its pointer's revision.
    async fn live_at(&self) -> Result<(Generation, u64), StoreError> {
        if let Some(live) = self.pointer(LIVE).await? {
            return Ok(live);
        }
        // Where another replica is first, that is as good.
        self.put(vec![pointer(LIVE, Expect::Absent, Generation::FIRST.number)])
            .await?;
        let missing = || StoreError::Broken("the pointer to the live views is missing".to_owned());
        self.pointer(LIVE).await?.ok_or_else(missing)
    }

    /// Refuses a generation whose documents are kept in another form than these: nobody could go on with them.
    pub(crate) async fn check(&self, generation: &Generation, forms: &Forms) -> Result<(), StoreError> {
        let Some(noted) = self.find_noted(generation).await? else {
            return Ok(());
        };
        let differs = |(name, form): &(&String, &u32)| noted.forms.get(*name).is_some_and(|noted| noted != *form);
        match forms.iter().find(differs) {
            None => Ok(()),
            Some((name, _)) => Err(StoreError::Broken(format!(
                "the views of generation {} have `{name}` in the form of another version of the program; \
                 `myevents rebuild SERVICE` builds them anew in the form of this one",
                generation.number
            ))),
        }
    }

    async fn find_noted(&self, generation: &Generation) -> Result<Option<Noted>, StoreError> {
        let noted = self.noted().await?;
        Ok(noted.into_iter().find(|noted| noted.generation == *generation))
    }

    /// Notes which collections a generation has, beside those noted before.
    pub(crate) async fn note(&self, generation: &Generation, forms: &Forms) -> Result<(), StoreError> {
        let known = self.find_noted(generation).await?;
        let (known, program) = known.map(|noted| (noted.forms, noted.program)).unwrap_or_default();
        if forms.keys().all(|name| known.contains_key(name)) && !known.is_empty() {
            return Ok(());
        }
        let mut forms = forms.clone();
        forms.extend(known);
        let generation = generation.clone();
        self.write_note(&Noted {
            generation,
            forms,
            program,
        })
        .await
    }

    async fn write_note(&self, noted: &Noted) -> Result<(), StoreError> {
        let collections: Vec<&String> = noted.forms.keys().collect();
        let body = json!({ "number": noted.generation.number, "collections": collections, "forms": noted.forms,
            "program": noted.program });
        let note = write(&noted.generation.note(), Expect::Anything, Some(body));
        self.put(vec![note]).await.map(drop)
    }

    /// Goes on with the build that was begun last, or begins one. `None` where another process begins one at this moment.
    ///
    /// `program` tells what the views are built by. A build by another one is left, as is every one if it has to be made
    /// `anew`: what both have built does not fit together.
    pub(crate) async fn begin(&self, forms: &Forms, program: &str, anew: bool) -> Result<Option<Build>, StoreError> {
        let (replaces, pointer_revision) = self.live_at().await?;
        self.note(&replaces, forms).await?;
        let begun = self.pointer(BUILDING).await?;
        let open = begun
            .as_ref()
            .map(|(generation, _)| generation)
            .filter(|open| **open != replaces);
        let is_same = match open {
            Some(open) => self.is_built_by(open, program).await?,
            None => false,
        };
        let build = |generation, resumed, left| Build {
            generation,
            resumed,
            replaces: replaces.clone(),
            left,
            pointer_revision,
        };
        if let Some(open) = open.filter(|_| is_same && !anew) {
            return Ok(Some(build(open.clone(), true, None)));
        }
        let left = open.filter(|_| !is_same).cloned();
        let expect = begun
            .as_ref()
            .map_or(Expect::Absent, |(_, revision)| Expect::Revision(*revision));
        let generation = self.note_next(forms, program).await?;
        let begins = self.put(vec![pointer(BUILDING, expect, generation.number)]).await?;
        Ok(begins.then(|| build(generation, false, left)))
    }

    /// Notes another generation, behind all that there are.
    async fn note_next(&self, forms: &Forms, program: &str) -> Result<Generation, StoreError> {
        let noted = Noted {
            generation: Generation::numbered(self.highest().await? + 1),
            forms: forms.clone(),
            program: Some(program.to_owned()),
        };
        self.write_note(&noted).await?;
        Ok(noted.generation)
    }

    /// Makes a build the live generation. False where another one took over since it began.
    pub(crate) async fn take_over(&self, build: &Build) -> Result<bool, StoreError> {
        let expect = Expect::Revision(build.pointer_revision);
        if !self.put(vec![pointer(LIVE, expect, build.generation.number)]).await? {
            return Ok(false);
        }
        self.put(vec![write(BUILDING, Expect::Anything, None)]).await?;
        Ok(true)
    }

    /// All generations that were ever noted and not forgotten.
    pub(crate) async fn noted(&self) -> Result<Vec<Noted>, StoreError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.documents.scan(POINTERS, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id.clone());
            let notes = page.iter().filter(|document| document.id.starts_with(NOTE));
            all.extend(notes.filter_map(|document| read_note(&document.body)));
        }
    }

    /// Forgets a generation of which nothing is left.
    pub(crate) async fn forget(&self, generation: &Generation) -> Result<(), StoreError> {
        self.put(vec![write(&generation.note(), Expect::Anything, None)])
            .await
            .map(drop)
    }

    async fn is_built_by(&self, generation: &Generation, program: &str) -> Result<bool, StoreError> {
        let noted = self.noted().await?;
        let same = |noted: &Noted| noted.generation == *generation && noted.program.as_deref() == Some(program);
        Ok(noted.iter().any(same))
    }

    async fn highest(&self) -> Result<u64, StoreError> {
        let noted = self.noted().await?.into_iter().map(|noted| noted.generation);
        let pointed = [self.pointer(LIVE).await?, self.pointer(BUILDING).await?];
        let pointed = pointed.into_iter().flatten().map(|(generation, _)| generation);
        Ok(noted
            .chain(pointed)
            .map(|generation| generation.number)
            .max()
            .unwrap_or(0))
    }

    async fn pointer(&self, id: &str) -> Result<Option<(Generation, u64)>, StoreError> {
        let found = self.documents.get(POINTERS, &[id]).await?;
        let Some(pointer) = found.into_iter().next().flatten() else {
            return Ok(None);
        };
        let number = pointer.body.get("number").and_then(Value::as_u64);
        let broken = || StoreError::Broken(format!("the pointer to the {id} views has no number"));
        Ok(Some((
            Generation::numbered(number.ok_or_else(broken)?),
            pointer.revision,
        )))
    }

    /// False where a document is not as expected.
    async fn put(&self, writes: Vec<Write>) -> Result<bool, StoreError> {
        match self.documents.put(writes).await {
            Ok(()) => Ok(true),
            Err(PutError::Conflict { .. }) => Ok(false),
            Err(PutError::Store(error)) => Err(error),
        }
    }
}

impl ReplacedGroups {
    pub fn contains(&self, group: &str) -> bool {
        group.starts_with(&self.views) && !self.current.iter().any(|current| current == group)
    }
}

/// What the names of their groups begin with.
fn groups_of_views(service: &str) -> String {
    format!("{service}.views.")
}

fn pointer(id: &str, expect: Expect, number: u64) -> Write {
    write(id, expect, Some(json!({ "number": number })))
}

fn write(id: &str, expect: Expect, body: Option<Value>) -> Write {
    Write {
        collection: POINTERS.to_owned(),
        id: id.to_owned(),
        expect,
        body: body.map(Body::from),
    }
}

fn read_note(body: &Value) -> Option<Noted> {
    let names = body.get("collections")?.as_array()?;
    let form = |name: &str| {
        let form = body.get("forms")?.get(name)?.as_u64()?;
        u32::try_from(form).ok()
    };
    let noted = |name: &str| (name.to_owned(), form(name).unwrap_or(Generations::FIRST_FORM));
    Some(Noted {
        generation: Generation::numbered(body.get("number")?.as_u64()?),
        forms: names.iter().filter_map(Value::as_str).map(noted).collect(),
        program: body.get("program").and_then(Value::as_str).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(forms: &[(&str, u32)]) -> Forms {
        forms.iter().map(|(name, form)| ((*name).to_owned(), *form)).collect()
    }

    #[tokio::test]
    async fn documents_of_another_form_are_built_anew_and_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let stores = persistence::sqlite::open(folder.path()).await.unwrap();
        let generations = Generations::open(stores.documents).await.unwrap();
        let live = generations.live().await.unwrap();
        let (old, new) = (forms(&[("feed", 1)]), forms(&[("feed", 2), ("things", 1)]));
        generations.check(&live, &new).await.unwrap();
        // As it was noted before there were forms.
        let note = json!({ "number": 1, "collections": ["feed"], "program": null });
        let noted = generations
            .put(vec![write(&live.note(), Expect::Anything, Some(note))])
            .await;
        assert!(noted.unwrap());
        for more in [&old, &new] {
            generations.note(&live, more).await.unwrap();
            generations.check(&live, &old).await.unwrap();
            let refused = generations.check(&live, &new).await.unwrap_err().to_string();
            let names = refused.contains("generation 1") && refused.contains("`feed`");
            assert!(names && refused.contains("`myevents rebuild SERVICE`"), "{refused}");
        }
        let build = generations.begin(&new, "program", false).await.unwrap().unwrap();
        generations.check(&build.generation, &new).await.unwrap();
        assert!(generations.check(&build.generation, &old).await.is_err());
    }
}
