//! What is lost with an account, and what comes back with it.

use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    relay::Relay,
};
use serde_json::Value;

use super::{Garden, open_to_all, text, texts};

/// Runs the command with the passphrase of an export.
fn with_file(of: &Sealpost, arguments: &[&str]) -> Ended {
    let mut command = of.command(arguments);
    command.env("SEALPOST_EXPORT_PASSPHRASE_FILE", of.file("passphrase"));
    Ended::of(command.arg("--json").spawn().unwrap())
}

fn path(of: &Sealpost, name: &str) -> String {
    of.file(name).into_os_string().into_string().unwrap()
}

fn error(of: &Ended) -> Value {
    let error: Value = serde_json::from_str(of.err.trim()).unwrap();
    error["error"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn account_says_what_is_lost_with_it_and_after_an_import_what_it_is_a_member_of() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "hello"]);
    bob.json(["space", "create", "cellar"]);
    bob.json(["send", "cellar", "mine alone"]);
    let file = path(&bob, "bob.sealpost");
    let exported = with_file(&bob, &["account", "export", &file]);
    let told = error(&exported);
    assert_eq!((exported.code, &told["code"]), (0, &"only_member".into()));
    let said = text(&told, "message");
    assert!(said.contains("cellar") && !said.contains("garden"), "{said}");

    let refused = bob.run(["--json", "account", "delete", "--yes"]);
    let told = error(&refused);
    assert_eq!((refused.code, &told["code"]), (2, &"only_member".into()));
    assert_eq!(told["spaces"].as_array().unwrap().len(), 1);
    assert_eq!(texts(&bob.json(["tail", "cellar"])), ["mine alone"]);
    bob.json(["account", "delete", "--yes", "--lose-contents"]);
    // The relay says of the account's spaces nothing any more.
    with_file(&bob, &["account", "import", &file, "bob"]).expect_done();
    for space in bob.json(["space", "list"]) {
        assert_eq!(text(&space, "state"), "member", "{space}");
    }
    let lost = bob.run(["tail", "cellar"]);
    assert!(
        lost.code == 1 && lost.err.contains("nobody else is a member"),
        "{}",
        lost.err
    );
    assert_eq!(bob.run(["space", "forget", "cellar", "--yes"]).code, 2);
    let later = bob.run(["tail", "garden"]);
    assert!(
        later.code == 1 && later.err.contains("the next member"),
        "{}",
        later.err
    );
    alice.json(["tail", "garden"]);
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reason_why_a_space_ended_is_asked_for_where_the_list_is_looked_at() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["space", "create", "attic"]);
    alice.json(["space", "add-member", "attic", "bob"]);
    for space in bob.json(["space", "list"]) {
        bob.json(["tail", text(&space, "space")]);
    }
    alice.json(["space", "remove-member", "garden", "bob"]);
    alice.json(["space", "delete", "attic", "--yes"]);
    let listed = bob.json(["space", "list"]);
    let mut states: Vec<&str> = listed.iter().map(|space| text(space, "state")).collect();
    states.sort_unstable();
    assert_eq!(states, ["deleted", "removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn space_that_was_never_named_is_in_the_export_and_comes_back_with_it() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["space", "create", "shed"]);
    alice.json(["space", "add-member", "shed", "bob"]);
    alice.json(["send", "shed", "spades"]);
    let file = path(&bob, "bob.sealpost");
    let exported = with_file(&bob, &["account", "export", &file]).expect_done();
    assert_eq!(exported.lines()[0]["spaces"], 2);
    bob.json(["account", "delete", "--yes"]);
    with_file(&bob, &["account", "import", &file, "bob"]).expect_done();
    let listed = bob.json(["space", "list"]);
    let shed = listed
        .iter()
        .find(|space| text(space, "name").is_empty())
        .unwrap();
    assert_eq!(text(shed, "state"), "member");
    let asking = bob.run(["tail", text(shed, "space")]);
    assert!(asking.err.contains("the next member"), "{}", asking.err);
    // Whoever looks in gives the key; that somebody is a member already changes nothing for that.
    alice.json(["space", "add-member", "shed", "bob"]);
    assert_eq!(texts(&bob.json(["tail", text(shed, "space")])), ["spades"]);
}

/// To know who is alone, all is read that was never read here: a space that the relay does not list, and in it that the others have left.
#[tokio::test(flavor = "multi_thread")]
async fn account_is_alone_in_a_space_that_the_others_have_left_unread() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["space", "grant", "garden", "bob", "owner"]);
    bob.json(["tail", "garden"]);
    let file = path(&bob, "bob.sealpost");
    with_file(&bob, &["account", "export", &file]).expect_done();
    bob.json(["account", "delete", "--yes"]);
    with_file(&bob, &["account", "import", &file, "bob"]).expect_done();
    alice.json(["space", "leave", "garden", "--yes"]);

    let refused = bob.run(["--json", "account", "delete", "--yes"]);
    let told = error(&refused);
    assert_eq!(
        (refused.code, &told["code"]),
        (2, &"only_member".into()),
        "{told}"
    );
    let said = text(&told, "message");
    assert!(said.contains("garden"), "{said}");
}
