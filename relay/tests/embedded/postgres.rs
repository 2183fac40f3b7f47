//! The private Postgres.

use std::{fs, path::Path, process::Command};

use sealpost_relay::embedded::{Confinement, EmbeddedError, Postgres, PostgresOptions, Tools};

use crate::support::{closed_folder, execute, fetch_text, process_group, processes_in, start_postgres};

#[tokio::test]
async fn stop_leaves_no_process_and_restart_keeps_the_data() {
    let folder = closed_folder();
    let postgres = start_postgres(folder.path()).await.unwrap();
    execute(
        &postgres.url(),
        "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')",
    )
    .await;
    postgres.stop().await.unwrap();
    assert!(processes_in(folder.path()).is_empty());

    let postgres = start_postgres(folder.path()).await.unwrap();
    assert_eq!(fetch_text(&postgres.url(), "SELECT word FROM kept").await, "here");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_listens_on_no_port_and_counts_in_utc() {
    let folder = closed_folder();
    let postgres = start_postgres(folder.path()).await.unwrap();
    let setting = async |query| fetch_text(&postgres.url(), query).await;
    assert_eq!(setting("SHOW listen_addresses").await, "");
    assert_eq!(setting("SHOW timezone").await, "UTC");
    assert_eq!(setting("SHOW data_checksums").await, "on");
    assert!(setting("SHOW server_version").await.starts_with("18."));
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn the_relays_role_is_no_superuser() {
    let folder = closed_folder();
    let postgres = start_postgres(folder.path()).await.unwrap();
    let query =
        "SELECT rolsuper::text || rolcreatedb || rolcreaterole FROM pg_roles WHERE rolname = current_user";
    assert_eq!(fetch_text(&postgres.url(), query).await, "falsefalsefalse");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn ctrl_c_does_not_reach_postgres() {
    let folder = closed_folder();
    let postgres = start_postgres(folder.path()).await.unwrap();
    assert_ne!(
        process_group(postgres.id().unwrap()),
        process_group(std::process::id())
    );
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn two_folders_run_side_by_side() {
    let (one, two) = (closed_folder(), closed_folder());
    let (one, two) = tokio::join!(start_postgres(one.path()), start_postgres(two.path()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.url(), two.url());
    execute(&one.url(), "CREATE TABLE only_in_one ()").await;
    let query = "SELECT count(*)::text FROM pg_tables WHERE tablename = 'only_in_one'";
    assert_eq!(fetch_text(&two.url(), query).await, "0");
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = closed_folder();
    let first = start_postgres(folder.path()).await.unwrap();
    let second = start_postgres(folder.path()).await;
    assert!(matches!(second, Err(EmbeddedError::InUse { .. })));
    assert_eq!(fetch_text(&first.url(), "SELECT 'still up'").await, "still up");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_folder_with_odd_characters_works() {
    let folder = closed_folder();
    let long = folder
        .path()
        .join("with space, comma and 'quote'")
        .join("long-".repeat(30));
    let postgres = start_postgres(&long).await.unwrap();
    assert_eq!(fetch_text(&postgres.url(), "SELECT 'found'").await, "found");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_does_not_stop_the_start() {
    let folder = closed_folder();
    start_postgres(folder.path()).await.unwrap().stop().await.unwrap();
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let stale = format!(
        "{}\n{}\n1700000000\n5432\n",
        stranger.id(),
        folder.path().display()
    );
    fs::write(folder.path().join("data/postmaster.pid"), stale).unwrap();

    let postgres = start_postgres(folder.path()).await.unwrap();
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "the stranger must be left alone"
    );
    postgres.stop().await.unwrap();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn an_initdb_cut_short_is_done_again() {
    let folder = closed_folder();
    fs::create_dir(folder.path().join("data.new")).unwrap();
    fs::write(folder.path().join("data.new/PG_VERSION"), "18\n").unwrap();
    start_postgres(folder.path()).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_version_is_refused_by_name() {
    let folder = closed_folder();
    start_postgres(folder.path()).await.unwrap().stop().await.unwrap();
    fs::write(folder.path().join("data/PG_VERSION"), "17\n").unwrap();
    let refused = start_postgres(folder.path()).await;
    assert!(matches!(refused, Err(EmbeddedError::PostgresVersion { found, .. }) if found == "17"));
}

#[tokio::test]
async fn every_confinement_opens_what_another_one_made() {
    let folder = closed_folder();
    let mut expected = 0;
    for confinement in confinements() {
        let postgres = start_confined(folder.path(), *confinement).await;
        execute(
            &postgres.url(),
            "CREATE TABLE IF NOT EXISTS visits (); INSERT INTO visits DEFAULT VALUES",
        )
        .await;
        expected += 1;
        let visits = fetch_text(&postgres.url(), "SELECT count(*)::text FROM visits").await;
        assert_eq!(visits, expected.to_string(), "{confinement}");
        postgres.stop().await.unwrap();
    }
}

fn confinements() -> &'static [Confinement] {
    if rustix::process::geteuid().is_root() {
        &Confinement::FOR_ROOT
    } else {
        &Confinement::FOR_OTHERS
    }
}

async fn start_confined(folder: &Path, confinement: Confinement) -> Postgres {
    let options = PostgresOptions {
        confinement: Some(confinement),
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&Tools::locate(), folder, &options).await.unwrap();
    assert_eq!(postgres.confinement(), confinement);
    postgres
}
