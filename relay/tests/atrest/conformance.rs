//! What every key wrapper does, whatever it is made of.

use futures_util::future::join_all;
use sealpost_relay::{
    atrest::{DataKey, KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, WrappedKey},
    entropy::SystemEntropy,
};

/// Runs the whole suite on `wrapper`.
pub async fn check(wrapper: &dyn KeyWrapper) {
    keys_survive_the_round_trip(wrapper).await;
    batches_of_any_size_keep_their_order(wrapper).await;
    the_same_key_wrapped_twice_differs(wrapper).await;
    other_associated_data_is_refused(wrapper).await;
    every_altered_byte_is_refused(wrapper).await;
    every_cut_is_refused(wrapper).await;
    foreign_bytes_are_refused(wrapper).await;
    a_bad_item_is_named_and_the_others_open(wrapper).await;
    many_callers_at_once_are_served(wrapper).await;
    the_canary_lives_and_the_key_is_described(wrapper).await;
    fresh_wrappings_are_not_outdated(wrapper).await;
}

fn place(number: usize) -> Vec<u8> {
    format!("place {number}").into_bytes()
}

fn keys(count: usize) -> Vec<DataKey> {
    (0..count).map(|_| DataKey::generate(&SystemEntropy)).collect()
}

/// Wraps each key for the place with its number.
async fn wrap(wrapper: &dyn KeyWrapper, keys: &[DataKey]) -> Vec<WrappedKey> {
    let items: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(number, key)| KeyToWrap {
            associated_data: place(number),
            key,
        })
        .collect();
    let wrapped = wrapper.wrap_batch(&items).await.unwrap();
    assert_eq!(wrapped.len(), keys.len());
    wrapped
}

async fn unwrap<'a>(
    wrapper: &dyn KeyWrapper,
    items: impl IntoIterator<Item = (usize, &'a WrappedKey)>,
) -> Vec<Result<DataKey, KeyWrapError>> {
    let items: Vec<_> = items
        .into_iter()
        .map(|(number, wrapped)| KeyToUnwrap {
            associated_data: place(number),
            wrapped,
        })
        .collect();
    let opened = wrapper.unwrap_batch(&items).await.unwrap();
    assert_eq!(opened.len(), items.len());
    opened
}

fn bytes(opened: Vec<Result<DataKey, KeyWrapError>>) -> Vec<[u8; 32]> {
    opened
        .into_iter()
        .map(|key| *key.unwrap().expose_bytes())
        .collect()
}

fn assert_corrupt(opened: &Result<DataKey, KeyWrapError>, what: &str) {
    let error = opened.as_ref().err();
    assert!(
        matches!(error, Some(KeyWrapError::Corrupt(_))),
        "{what}: {error:?}"
    );
}

async fn assert_all_corrupt(wrapper: &dyn KeyWrapper, altered: Vec<Vec<u8>>) {
    let altered: Vec<_> = altered.into_iter().map(WrappedKey::from_bytes).collect();
    let opened = unwrap(wrapper, altered.iter().map(|wrapped| (0, wrapped))).await;
    for (wrapped, opened) in altered.iter().zip(opened) {
        assert_corrupt(&opened, &wrapped.as_bytes().escape_ascii().to_string());
    }
}

async fn round_trip(wrapper: &dyn KeyWrapper, count: usize) {
    let keys = keys(count);
    let wrapped = wrap(wrapper, &keys).await;
    let opened = bytes(unwrap(wrapper, wrapped.iter().enumerate()).await);
    assert!(keys.iter().map(DataKey::expose_bytes).eq(&opened));
}

async fn keys_survive_the_round_trip(wrapper: &dyn KeyWrapper) {
    round_trip(wrapper, 1).await;
}

/// None at all, just over one request of Transit, and several requests.
async fn batches_of_any_size_keep_their_order(wrapper: &dyn KeyWrapper) {
    for count in [0, 2, 150, 151, 1_000] {
        round_trip(wrapper, count).await;
    }
}

async fn the_same_key_wrapped_twice_differs(wrapper: &dyn KeyWrapper) {
    let keys = keys(1);
    assert_ne!(wrap(wrapper, &keys).await, wrap(wrapper, &keys).await);
}

async fn other_associated_data_is_refused(wrapper: &dyn KeyWrapper) {
    let wrapped = wrap(wrapper, &keys(2)).await;
    for opened in unwrap(wrapper, [(1, &wrapped[0]), (0, &wrapped[1])]).await {
        assert_corrupt(&opened, "swapped");
    }
    let nothing = [KeyToUnwrap {
        associated_data: Vec::new(),
        wrapped: &wrapped[0],
    }];
    assert_corrupt(
        &wrapper.unwrap_batch(&nothing).await.unwrap()[0],
        "without associated data",
    );
}

async fn every_altered_byte_is_refused(wrapper: &dyn KeyWrapper) {
    let wrapped = wrap(wrapper, &keys(1)).await.remove(0);
    let altered = (0..wrapped.as_bytes().len()).map(|position| {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[position] ^= 1;
        bytes
    });
    assert_all_corrupt(wrapper, altered.collect()).await;
}

async fn every_cut_is_refused(wrapper: &dyn KeyWrapper) {
    let wrapped = wrap(wrapper, &keys(1)).await.remove(0);
    let whole = wrapped.as_bytes();
    let mut altered: Vec<_> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    altered.push([whole, b"x"].concat());
    altered.push([whole, whole].concat());
    assert_all_corrupt(wrapper, altered).await;
}

async fn foreign_bytes_are_refused(wrapper: &dyn KeyWrapper) {
    let foreign = [
        b"".to_vec(),
        b"vault:v1:".to_vec(),
        b"vault:v9999:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            .to_vec(),
        vec![0; 89],
        vec![1; 89],
        vec![0xff; 4_096],
        b"\"}],\"batch_input\":[{".to_vec(),
    ];
    assert_all_corrupt(wrapper, foreign.into()).await;
}

async fn a_bad_item_is_named_and_the_others_open(wrapper: &dyn KeyWrapper) {
    let keys = keys(200);
    let mut wrapped = wrap(wrapper, &keys).await;
    wrapped.swap(160, 161);
    let opened = unwrap(wrapper, wrapped.iter().enumerate()).await;
    for (number, (opened, key)) in opened.iter().zip(&keys).enumerate() {
        match number {
            160 | 161 => assert_corrupt(opened, "swapped"),
            _ => assert_eq!(opened.as_ref().unwrap().expose_bytes(), key.expose_bytes()),
        }
    }
}

async fn many_callers_at_once_are_served(wrapper: &dyn KeyWrapper) {
    join_all((0..20).map(|_| round_trip(wrapper, 20))).await;
}

async fn the_canary_lives_and_the_key_is_described(wrapper: &dyn KeyWrapper) {
    assert_eq!(wrapper.canary().await, Ok(()));
    let description = wrapper.describe();
    assert!(!description.kind.is_empty() && !description.key_name.is_empty());
}

async fn fresh_wrappings_are_not_outdated(wrapper: &dyn KeyWrapper) {
    let wrapped = wrap(wrapper, &keys(1)).await;
    assert!(!wrapper.is_outdated(&wrapped[0]));
}
