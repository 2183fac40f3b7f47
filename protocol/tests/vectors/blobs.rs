use sealpost_protocol::blob::BlobReference;
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceVector {
    why: String,
    reference: Hex,
    size: Option<Size>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    length: u64,
    padded: u64,
    chunks: u32,
    stored: u64,
}

#[test]
fn blob_references() {
    for vector in read::<ReferenceVector>("blob_reference") {
        let parsed = BlobReference::parse(&vector.reference.0).ok();
        let size = parsed.as_ref().map(|reference| Size {
            length: reference.size.length(),
            padded: reference.size.padded(),
            chunks: reference.size.chunks(),
            stored: reference.size.stored(),
        });
        assert_eq!(size, vector.size, "{}", vector.why);
        if let Some(reference) = parsed {
            assert_eq!(reference.encode().unwrap(), vector.reference.0, "{}", vector.why);
        }
    }
}
