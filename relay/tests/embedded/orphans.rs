//! What happens when whoever started the servers is killed.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

use crate::support::{closed_folder, execute, fetch_text, processes_in, start_openbao, start_postgres};

/// Tells the helper below where to start its servers.
const FOLDER: &str = "EMBEDDED_TEST_FOLDER";

/// Not a test: another process that starts both servers and is then killed by the test that runs it.
#[test]
#[ignore = "run as a child process by the tests below"]
fn helper_that_starts_both_servers() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _servers = runtime.block_on(async {
        let postgres = start_postgres(&Path::new(&folder).join("postgres"))
            .await
            .unwrap();
        execute(
            &postgres.url(),
            "CREATE TABLE IF NOT EXISTS kept AS SELECT 'here' AS word",
        )
        .await;
        (
            postgres,
            start_openbao(&Path::new(&folder).join("openbao")).await.unwrap(),
        )
    });
    println!("both are up");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn after_kill_9_the_servers_end_by_themselves() {
    let folder = closed_folder();
    let servers = kill_9_after_start(folder.path(), &env::var("PATH").unwrap());
    for server in servers {
        wait_for_end(server);
    }
    restarts_with_its_data(folder.path()).await;
}

#[tokio::test]
async fn after_kill_9_without_setpriv_the_next_start_ends_them() {
    let folder = closed_folder();
    let programs = programs_but_setpriv(folder.path());
    let servers = kill_9_after_start(folder.path(), &programs);
    assert!(
        servers.iter().all(|server| is_running(*server)),
        "nothing told them to end"
    );
    restarts_with_its_data(folder.path()).await;
    assert!(
        !servers.iter().any(|server| is_running(*server)),
        "the old ones are gone"
    );
}

#[tokio::test]
async fn after_kill_9_of_postgres_alone_the_next_start_recovers() {
    let folder = closed_folder();
    let mut postgres = start_postgres(&folder.path().join("postgres")).await.unwrap();
    execute(&postgres.url(), "CREATE TABLE kept AS SELECT 'here' AS word").await;
    kill_9(postgres.id().unwrap());
    postgres.ended().await.unwrap();
    drop(postgres);
    restarts_with_its_data(folder.path()).await;
}

async fn restarts_with_its_data(folder: &Path) {
    let postgres = start_postgres(&folder.join("postgres")).await.unwrap();
    assert_eq!(fetch_text(&postgres.url(), "SELECT word FROM kept").await, "here");
    postgres.stop().await.unwrap();
    if folder.join("openbao").exists() {
        start_openbao(&folder.join("openbao"))
            .await
            .unwrap()
            .stop()
            .await
            .unwrap();
    }
    assert!(processes_in(folder).is_empty());
}

/// The process ids of the servers, as they were when their starter was killed.
fn kill_9_after_start(folder: &Path, path: &str) -> Vec<u32> {
    let mut helper = start_helper(folder, path);
    let output = BufReader::new(helper.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().contains("both are up")));
    let servers = leaders(folder);
    kill_9(helper.id());
    helper.wait().unwrap();
    servers
}

fn start_helper(folder: &Path, path: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "orphans::helper_that_starts_both_servers",
        ])
        .env(FOLDER, folder)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn leaders(folder: &Path) -> Vec<u32> {
    let pid_file = fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let postmaster = pid_file.lines().next().unwrap().parse().unwrap();
    let mut leaders = processes_in(&folder.join("openbao"));
    leaders.push(postmaster);
    assert_eq!(leaders.len(), 2);
    leaders
}

/// A `PATH` as on a machine that has everything Postgres's start needs, but not `setpriv`.
fn programs_but_setpriv(folder: &Path) -> String {
    let programs = folder.join("bin");
    fs::create_dir(&programs).unwrap();
    for name in ["sh", "id", "test", "unshare"] {
        let found = env::split_paths(&env::var_os("PATH").unwrap())
            .map(|bin| bin.join(name))
            .find(|path| path.exists());
        symlink(found.unwrap(), programs.join(name)).unwrap();
    }
    programs.to_str().unwrap().to_owned()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

fn kill_9(id: u32) {
    kill_process(pid(id), Signal::KILL).unwrap();
}

/// A process that ended but was not waited for by its new parent does not count.
fn is_running(id: u32) -> bool {
    fs::read_link(format!("/proc/{id}/exe")).is_ok()
}

/// The handle of a process can be read once it has ended.
fn wait_for_end(id: u32) {
    let Ok(handle) = pidfd_open(pid(id), PidfdFlags::empty()) else {
        return;
    };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).unwrap();
}
