//! Brings all wrapped data keys to the newest version of the wrapping key, while the relay serves.
//!
//! Transit's own rewrap refuses associated data, so each key is opened and wrapped again. The key itself stays
//! the same: no row changes. A run that is cut short at any point leaves every key readable, under the
//! old version or the new one, and the next run does the rest.

use subtle::ConstantTimeEq;

use super::{
    data_key::{DataKey, DataKeyId},
    data_keys::DataKeyError,
    key_wrapper::{KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, UnwrapResult, WrappedKey},
    wrapped_key_store::{WrappedDataKey, WrappedKeyStore},
};

/// Keys per round trip: what one Transit request takes.
const PAGE_KEYS: u32 = 150;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrapProgress {
    /// Keys in the store when the run began.
    pub total: u64,
    /// Keys that were under the newest version already.
    pub current: u64,
    /// Keys that were wrapped again.
    pub rewrapped: u64,
    /// Keys that another run wrapped, or that were destroyed, at the same moment.
    pub overtaken: u64,
    /// Keys that do not open. They were left as they are.
    pub corrupt: Vec<DataKeyId>,
}

impl RewrapProgress {
    /// Keys that were looked at.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.current + self.rewrapped + self.overtaken + self.corrupt.len() as u64
    }
}

/// Wraps every outdated data key again. `report` is called after each page.
///
/// An error ends the run with what was done so far kept; running it again goes on from there.
pub async fn rewrap(
    wrapper: &dyn KeyWrapper,
    store: &dyn WrappedKeyStore,
    mut report: impl FnMut(&RewrapProgress),
) -> Result<RewrapProgress, DataKeyError> {
    // Shows which version is the newest.
    wrapper.canary().await?;
    let mut progress = RewrapProgress {
        total: store.count().await?,
        ..RewrapProgress::default()
    };
    let mut after = None;
    loop {
        let page = store.page(after, PAGE_KEYS).await?;
        let Some(last) = page.last() else {
            return Ok(progress);
        };
        after = Some(last.id);
        rewrap_page(wrapper, store, page, &mut progress).await?;
        report(&progress);
    }
}

async fn rewrap_page(
    wrapper: &dyn KeyWrapper,
    store: &dyn WrappedKeyStore,
    page: Vec<WrappedDataKey>,
    progress: &mut RewrapProgress,
) -> Result<(), DataKeyError> {
    let in_page = page.len();
    let outdated: Vec<_> = page
        .into_iter()
        .filter(|stored| wrapper.is_outdated(&stored.wrapped))
        .collect();
    progress.current += (in_page - outdated.len()) as u64;
    let opened = open_all(wrapper, outdated, progress).await?;
    for (stored, wrapped) in wrap_all(wrapper, opened).await? {
        match store.replace(&stored, &wrapped).await? {
            true => progress.rewrapped += 1,
            false => progress.overtaken += 1,
        }
    }
    Ok(())
}

async fn open_all(
    wrapper: &dyn KeyWrapper,
    outdated: Vec<WrappedDataKey>,
    progress: &mut RewrapProgress,
) -> Result<Vec<(WrappedDataKey, DataKey)>, DataKeyError> {
    let items: Vec<_> = outdated.iter().map(WrappedDataKey::to_unwrap).collect();
    let answers = unwrap_same_number(wrapper, &items).await?;
    let mut opened = Vec::with_capacity(outdated.len());
    for (stored, answer) in outdated.into_iter().zip(answers) {
        match answer {
            Ok(key) => opened.push((stored, key)),
            Err(KeyWrapError::Corrupt(_)) => progress.corrupt.push(stored.id),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(opened)
}

/// Wraps the keys again, and opens what came out: nothing that does not open ever replaces what does.
async fn wrap_all(
    wrapper: &dyn KeyWrapper,
    opened: Vec<(WrappedDataKey, DataKey)>,
) -> Result<Vec<(WrappedDataKey, WrappedKey)>, DataKeyError> {
    let items: Vec<_> = opened.iter().map(|(stored, key)| to_wrap(stored, key)).collect();
    let wrapped = wrapper.wrap_batch(&items).await?;
    let proofs: Vec<_> = opened
        .iter()
        .zip(&wrapped)
        .map(|((stored, _), wrapped)| proof(stored, wrapped))
        .collect();
    let reopened = unwrap_same_number(wrapper, &proofs).await?;
    for ((_, key), again) in opened.iter().zip(reopened) {
        if !bool::from(again?.expose_bytes().ct_eq(key.expose_bytes())) {
            return Err(KeyWrapError::Internal("a key came back changed".into()).into());
        }
    }
    Ok(opened
        .into_iter()
        .map(|(stored, _)| stored)
        .zip(wrapped)
        .collect())
}

fn to_wrap<'a>(stored: &WrappedDataKey, key: &'a DataKey) -> KeyToWrap<'a> {
    KeyToWrap {
        associated_data: stored.scope.associated_data(stored.id),
        key,
    }
}

fn proof<'a>(stored: &WrappedDataKey, wrapped: &'a WrappedKey) -> KeyToUnwrap<'a> {
    KeyToUnwrap {
        associated_data: stored.scope.associated_data(stored.id),
        wrapped,
    }
}

async fn unwrap_same_number(wrapper: &dyn KeyWrapper, items: &[KeyToUnwrap<'_>]) -> UnwrapResult {
    let answers = wrapper.unwrap_batch(items).await?;
    match answers.len() == items.len() {
        true => Ok(answers),
        false => Err(KeyWrapError::Internal("not one answer per question".into())),
    }
}
