use std::sync::LazyLock;

use axum::Json;
use sealpost_protocol::http::{Base64Bytes, Problem, SecretToken};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, OpenApi as Document, Ref, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    account, agents, approvals, blobs, info, keystore, login, principals, recovery_login, registration,
    sessions, spaces, staged,
};

/// The document of this API.
#[derive(OpenApi)]
#[openapi(
    info(title = "Sealpost relay", description = "Ids are lower-case hex, other bytes unpadded base64url, times RFC 3339 UTC. Every refusal is an RFC 9457 problem with a stable code."),
    paths(
        info::get,
        registration::start::post,
        registration::finish::post,
        login::start::post,
        login::finish::post,
        recovery_login::start::post,
        recovery_login::finish::post,
        approvals::start::post,
        approvals::claim::post,
        approvals::withdraw::post,
        approvals::look_up::post,
        approvals::grant::post,
        sessions::list::get,
        sessions::end::delete,
        sessions::end_current::delete,
        account::get,
        account::delete,
        principals::look_up,
        spaces::get,
        agents::list::get,
        agents::pairing::post,
        agents::enroll::post,
        agents::login_start::post,
        agents::login_finish::post,
        agents::heartbeat::post,
        agents::revoke::delete,
        blobs::reserve::post,
        blobs::parts::post,
        blobs::complete::post,
        blobs::reference::post,
        blobs::download::get,
        blobs::remove::delete,
        keystore::current::get,
        keystore::replace::put,
        keystore::history::get,
        keystore::version::get,
        staged::start_passphrase::post,
        staged::stage::post,
        staged::read_back::get,
        staged::verify::post,
        staged::commit::post,
    ),
    components(schemas(Base64Bytes, Problem, SecretToken)),
    modifiers(&Common),
)]
struct Api;

/// The OpenAPI document, made once: anybody may ask for it.
pub(super) async fn get() -> Json<&'static Document> {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(Api::openapi);
    Json(&DOCUMENT)
}

/// What is the same for every endpoint: how a session is shown, and what a refusal looks like.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("session", SecurityScheme::Http(bearer));
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let refusal = ResponseBuilder::new()
            .description("A refusal, by its code.")
            .content("application/problem+json", content)
            .build();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                operation.operation_id = Some(operation_id(method, path));
                let responses = &mut operation.responses.responses;
                responses.insert("default".into(), refusal.clone().into());
            }
        }
    }
}

/// One of its own for each operation: generators of clients name functions by it.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .split(['/', '{', '}'])
        .filter(|word| !["", "v1"].contains(word));
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn operations(
    item: &mut utoipa::openapi::path::PathItem,
) -> impl Iterator<Item = (&'static str, &mut utoipa::openapi::path::Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_of_the_document_has_an_id_of_its_own() {
        let mut document = Api::openapi();
        let operations: Vec<_> = document
            .paths
            .paths
            .values_mut()
            .flat_map(operations)
            .map(|(_, operation)| operation.operation_id.clone().unwrap())
            .collect();
        assert!(operations.len() > 20);
        let ids: BTreeSet<&String> = operations.iter().collect();
        assert_eq!(ids.len(), operations.len(), "{operations:?}");
    }

    #[test]
    fn an_id_is_made_of_method_and_path() {
        assert_eq!(
            operation_id("get", "/v1/spaces/{space}/wraps"),
            "get_spaces_space_wraps"
        );
    }
}
