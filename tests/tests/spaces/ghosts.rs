//! Somebody whom no member let in, but who stands in the relay's tables.

use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::Message;
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};
use sqlx::PgConnection;

use crate::people::{Pair, Person, Way, open_to_all, read_from_start};

/// Whoever can write to the database makes her a member of the only space.
async fn put_in(database: &mut PgConnection, mallory: &[u8]) {
    let put = sqlx::query("INSERT INTO members (space_no, principal_id) SELECT space_no, $1 FROM spaces")
        .bind(mallory)
        .execute(database)
        .await
        .unwrap();
    assert_eq!(put.rows_affected(), 1);
}

async fn recipients(database: &mut PgConnection) -> Vec<Vec<u8>> {
    sqlx::query_scalar("SELECT DISTINCT recipient FROM wraps ORDER BY recipient")
        .fetch_all(database)
        .await
        .unwrap()
}

#[tokio::test]
async fn principal_put_into_the_relays_tables_is_no_member_and_gets_no_key() {
    let database = Database::create().await;
    let mut rows = database.connect().await;
    let relay = Relay::start(open_to_all(RelayOptions::on(&database))).await;
    let way = Way::to(relay.addresses().url());
    let pair = Pair::meet(&way).await;
    let (_mallory, mallorys_client) = Person::register("mallory", &way).await;
    put_in(&mut rows, mallorys_client.account().principal_id.as_bytes()).await;

    let listed = mallorys_client.spaces().await.unwrap();
    assert_eq!(listed[0].id, pair.alices.id(), "the relay believes its table");
    let mallorys = mallorys_client.space(pair.alices.id()).await.unwrap();
    let refused = mallorys.sync().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember));

    pair.alices.rekey().await.unwrap();
    pair.alices.send(Message::text("among us")).await.unwrap();
    assert_eq!(read_from_start(&pair.bobs, 1).await, ["among us"]);
    for space in [&pair.alices, &pair.bobs] {
        assert_eq!(space.members().await.unwrap().len(), 2);
    }
    let mut members = [&pair.alices_client, &pair.bobs_client]
        .map(|client| client.account().principal_id.as_bytes().to_vec());
    members.sort();
    assert_eq!(recipients(&mut rows).await, members, "who was given keys");
    relay.stop().await;
}
