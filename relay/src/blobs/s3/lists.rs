//! What a bucket has, a page at a time. A list ends, whatever the server says.

use aws_sdk_s3::operation::list_multipart_uploads::builders::ListMultipartUploadsFluentBuilder;
use aws_sdk_s3::primitives::DateTime;
use sealpost_protocol::limits::MAX_BLOB_PARTS;
use time::OffsetDateTime;

use super::S3Storage;
use super::failure::{defect, failure, has_status};
use super::storage::unsigned;
use crate::blobs::ports::{Listed, ListedUpload, StorageError, StoredPart, UploadId};

/// A list that does not end, or jumps about.
#[derive(Debug, thiserror::Error)]
#[error("the server lists {0} without end or order")]
struct Endless(&'static str);

impl S3Storage {
    pub(super) async fn parts_of(
        &self,
        name: &str,
        upload: &UploadId,
    ) -> Result<Vec<StoredPart>, StorageError> {
        let request = self.clients.inside.list_parts();
        let request = request
            .bucket(&self.settings.bucket)
            .key(name)
            .upload_id(&upload.0);
        let mut pages = request.into_paginator().send();
        let mut parts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failure)?;
            let goes_on = page.is_truncated() == Some(true);
            parts.extend(page.parts().iter().map(stored_part));
            if parts.len() > MAX_BLOB_PARTS as usize || (goes_on && page.parts().is_empty()) {
                return Err(defect(Endless("parts")));
            }
        }
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    pub(super) async fn list_after(&self, after: Option<&str>) -> Result<Vec<Listed>, StorageError> {
        let request = self
            .clients
            .inside
            .list_objects_v2()
            .bucket(&self.settings.bucket);
        let request = request.set_start_after(after.map(str::to_owned));
        let page = request.send().await.map_err(failure)?;
        let listed = page.contents().iter().filter_map(|object| {
            Some(Listed {
                name: object.key()?.to_owned(),
                length: unsigned(object.size()),
                written_at: object.last_modified().and_then(time_of),
            })
        });
        let listed: Vec<_> = listed.collect();
        let names = after.into_iter().chain(listed.iter().map(|object| &*object.name));
        let ascends = names.is_sorted_by(|one, next| one < next);
        let goes_on = page.is_truncated() == Some(true);
        if !ascends || (goes_on && listed.is_empty()) {
            return Err(defect(Endless("objects")));
        }
        Ok(listed)
    }

    pub(super) async fn uploads_after(
        &self,
        after: Option<&ListedUpload>,
    ) -> Result<Option<Vec<ListedUpload>>, StorageError> {
        let request = self.clients.inside.list_multipart_uploads();
        let request = request
            .set_key_marker(after.map(|after| after.name.clone()))
            .set_upload_id_marker(after.map(|after| after.id.0.clone()));
        let Some(page) = self.list_uploads(request).await? else {
            return Ok(None);
        };
        let names = after.into_iter().chain(&page).map(|upload| &upload.name);
        if !names.is_sorted() || after.is_some_and(|after| page.contains(after)) {
            return Err(defect(Endless("uploads")));
        }
        Ok(Some(page))
    }

    pub(super) async fn list_uploads(
        &self,
        request: ListMultipartUploadsFluentBuilder,
    ) -> Result<Option<Vec<ListedUpload>>, StorageError> {
        let page = match request.bucket(&self.settings.bucket).send().await {
            Err(error) if has_status(&error, 501) => return Ok(None),
            page => page.map_err(failure)?,
        };
        let listed = page.uploads().iter().filter_map(|upload| {
            Some(ListedUpload {
                name: upload.key()?.to_owned(),
                id: UploadId(upload.upload_id()?.to_owned()),
                begun_at: upload.initiated().and_then(time_of),
            })
        });
        Ok(Some(listed.collect()))
    }
}

fn stored_part(part: &aws_sdk_s3::types::Part) -> StoredPart {
    StoredPart {
        number: unsigned(part.part_number()),
        length: unsigned(part.size()),
        etag: part.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
    }
}

fn time_of(time: &DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(time.secs()).ok()
}
