//! Parts, as far as a client's word for them is believed.

use sealpost_protocol::hash::Digest32;
use sealpost_protocol::http::{BlobComplete, BlobPart, BlobPartDone};
use sealpost_protocol::limits::{
    MAX_BLOB_PART, MAX_BLOB_PARTS, MAX_BLOB_PARTS_ASKED, MAX_ETAG, MIN_BLOB_PART,
};

use super::BlobError;
use super::ports::{BlobRow, Done, StoredPart};

/// A part that may be put: it fits into what is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its length.
    pub length: u64,
    /// Its hash.
    pub sha256: Digest32,
}

/// All parts of a blob: in order, each but the last of the length that was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartList {
    pub(super) parts: Vec<Done>,
    pub(super) bytes: u64,
    pub(super) sha256: Digest32,
}

/// That parts of a blob may have this length.
pub(super) fn check_part_length(part_bytes: u64) -> Result<(), BlobError> {
    if part_bytes > MAX_BLOB_PART {
        let limit = MAX_BLOB_PART;
        return Err(BlobError::TooLarge { limit });
    }
    (part_bytes >= MIN_BLOB_PART)
        .then_some(())
        .ok_or(BlobError::Malformed("part_bytes"))
}

/// The parts of a request, each within what is reserved: so nobody can put more than was counted.
pub(super) fn askable(blob: &BlobRow, asked: &[BlobPart]) -> Result<Vec<Part>, BlobError> {
    if asked.len() > MAX_BLOB_PARTS_ASKED {
        let limit = MAX_BLOB_PARTS_ASKED as u64;
        return Err(BlobError::TooLarge { limit });
    }
    if asked.is_empty() {
        return Err(BlobError::Malformed("parts"));
    }
    asked.iter().map(|part| fitting(blob, part)).collect()
}

fn fitting(blob: &BlobRow, part: &BlobPart) -> Result<Part, BlobError> {
    if part.number == 0 || part.number > MAX_BLOB_PARTS {
        return Err(BlobError::Malformed("number"));
    }
    if part.length == 0 || part.length > blob.part_bytes {
        return Err(BlobError::Malformed("length"));
    }
    let start = u64::from(part.number - 1) * blob.part_bytes;
    if start + part.length > blob.bytes {
        return Err(BlobError::TooLarge { limit: blob.bytes });
    }
    Ok(Part {
        number: part.number,
        length: part.length,
        sha256: digest(&part.sha256.0)?,
    })
}

impl PartList {
    /// The list of a request, if it can be that of this blob.
    pub(super) fn of(blob: &BlobRow, request: &BlobComplete) -> Result<Self, BlobError> {
        if request.parts.len() > MAX_BLOB_PARTS as usize {
            let limit = u64::from(MAX_BLOB_PARTS);
            return Err(BlobError::TooLarge { limit });
        }
        let last = request.parts.len();
        let mut parts = Vec::with_capacity(last);
        let mut bytes = 0;
        for (part, number) in request.parts.iter().zip(1u32..) {
            let is_last = number as usize == last;
            parts.push(done(part, number, blob.part_bytes, is_last)?);
            bytes += part.length;
        }
        if parts.is_empty() || bytes != request.bytes {
            return Err(BlobError::Malformed("parts"));
        }
        if bytes > blob.bytes {
            return Err(BlobError::TooLarge { limit: blob.bytes });
        }
        Ok(Self {
            parts,
            bytes,
            sha256: digest(&request.sha256.0)?,
        })
    }

    /// That these very parts are there, and no others.
    pub(super) fn check(&self, stored: &[StoredPart]) -> Result<(), BlobError> {
        let same = |(done, stored): (&Done, &StoredPart)| {
            let tag_fits = stored.etag.as_ref().is_none_or(|etag| *etag == done.etag);
            done.number == stored.number && done.length == stored.length && tag_fits
        };
        let all = self.parts.len() == stored.len() && self.parts.iter().zip(stored).all(same);
        all.then_some(()).ok_or(BlobError::PartsMismatch)
    }
}

fn done(part: &BlobPartDone, number: u32, part_bytes: u64, is_last: bool) -> Result<Done, BlobError> {
    let length_fits = match is_last {
        true => (1..=part_bytes).contains(&part.length),
        false => part.length == part_bytes,
    };
    if part.number != number || !length_fits {
        return Err(BlobError::Malformed("parts"));
    }
    let etag = part.etag.trim_matches('"');
    let plain =
        !etag.is_empty() && etag.len() <= MAX_ETAG && etag.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain {
        return Err(BlobError::Malformed("etag"));
    }
    Ok(Done {
        number,
        length: part.length,
        sha256: digest(&part.sha256.0)?,
        etag: etag.to_owned(),
    })
}

fn digest(bytes: &[u8]) -> Result<Digest32, BlobError> {
    bytes.try_into().map_err(|_| BlobError::Malformed("sha256"))
}

#[cfg(test)]
mod tests;
