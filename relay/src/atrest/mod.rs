//! At rest: what the relay stores is sealed once more, under keys that lie outside the database.
//!
//! ```text
//! OpenBao Transit key   or   key file          never in the database (`KeyWrapper`)
//!          └─ wraps ─ data key                 one per space, one for the directory, the index, the receipts
//!                         └─ seals ─ row       (`RowSealer`), or keys a blind index (`BlindIndex`)
//! ```
//!
//! Nothing here can write an unsealed row: sealing takes an [`OpenDataKey`], and while the key wrapper is
//! out of reach there is none to be had beyond what [`DataKeys`] still holds.

mod aead;
mod associated_data;
mod backup;
mod blind_index;
mod data_key;
mod data_keys;
mod key_cache;
mod key_file;
mod key_wrapper;
mod rewrap;
mod row_sealer;
pub mod transit;
mod wrapped_key_store;

pub use backup::{open_every_key, unwrap_manifest_key, version_in_openbao, wrap_manifest_key};
pub use blind_index::{BlindIndex, BlindIndexValue, IndexField};
pub use data_key::{DataKey, DataKeyId, KeyScope, OpenDataKey};
pub use data_keys::{
    DataKeyError, DataKeyLimits, DataKeyParts, DataKeys, KeyHealth, KeyServiceState, KeyStatistics, Outcomes,
};
pub use key_file::{KeyFile, KeyFileError};
pub use key_wrapper::{
    KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, UnwrapResult, WrappedKey, WrapperDescription,
};
pub use rewrap::{RewrapProgress, rewrap};
pub use row_sealer::{RowAddress, RowOpenError, RowSealer};
pub use wrapped_key_store::{KeyStoreError, WrappedDataKey, WrappedKeyStore};
