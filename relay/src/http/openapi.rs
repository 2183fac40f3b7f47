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
    account, info, keystore, login, principals, recovery_login, registration, sessions, spaces, staged,
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
        sessions::list::get,
        sessions::end::delete,
        sessions::end_current::delete,
        account::get,
        account::delete,
        principals::look_up,
        spaces::get,
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
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            operation
                .responses
                .responses
                .insert("default".into(), refusal.clone().into());
        }
    }
}

fn operations(
    item: &mut utoipa::openapi::path::PathItem,
) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete]
        .into_iter()
        .flatten()
}
