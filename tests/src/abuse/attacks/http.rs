//! Requests over HTTP.

use std::{io, net::IpAddr};

use sealpost_opaque::ClientLogin;
use sealpost_protocol::http::{LoginFinish, LoginStart, LoginStarted, SecretToken, paths};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Socket, random},
};

/// Connections that one attacker holds.
const HELD: usize = 150;

pub(super) async fn heads(arena: Arena) -> Tally {
    let long = format!(
        "GET /v1/info HTTP/1.1\r\nX-Long: {}\r\n\r\n",
        "x".repeat(400 * 1024)
    );
    let many = format!("GET /v1/info HTTP/1.1\r\n{}\r\n", "X-Many: x\r\n".repeat(1_000));
    one_by_one(&arena, &[long, many]).await
}

pub(super) async fn bodies(arena: Arena) -> Tally {
    let length = 16 << 20;
    let head = format!(
        "POST /v1/login/start HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    one_by_one(&arena, &[head + &"x".repeat(length)]).await
}

/// Requests that are refused before they are read, each on a connection of its own.
async fn one_by_one(arena: &Arena, requests: &[String]) -> Tally {
    let mut tally = Tally::default();
    for request in requests.iter().cycle() {
        if arena.is_over() {
            break;
        }
        tally.done += 1;
        let (start, patience) = (Instant::now(), arena.patience());
        match timeout_at(patience, ask_once(arena.own_address(), arena, request)).await {
            Ok(Ok(status)) => tally.closed(format!("status {status}"), start.elapsed()),
            Ok(Err(_)) => tally.closed("cut", start.elapsed()),
            Err(_) => tally.overdue += 1,
        }
    }
    tally
}

async fn ask_once(from: IpAddr, arena: &Arena, request: &str) -> io::Result<u16> {
    let (reader, mut writer) = Socket::dial(from, arena.relay).await?.into_split();
    let mut reader = BufReader::new(reader);
    tokio::select! {
        status = status(&mut reader) => status,
        // A relay that no longer reads has answered.
        Err(_) = writer.write_all(request.as_bytes()) => status(&mut reader).await,
    }
}

async fn status(reader: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<u16> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    let status = line.get(9..12).and_then(|status| status.parse().ok());
    status.ok_or(io::ErrorKind::UnexpectedEof.into())
}

/// Connections that are kept, each until the relay ends it.
pub(super) async fn connections(arena: Arena) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let mut held = Vec::with_capacity(HELD);
        let (start, patience) = (Instant::now(), arena.patience());
        for _ in 0..HELD {
            tally.done += 1;
            match Socket::dial(Arena::one_address(), arena.relay).await {
                Ok(stream) => held.push(stream),
                Err(error) => tally.denied(&error.into()),
            }
        }
        for mut stream in held {
            let mut answer = Vec::new();
            let ended = timeout_at(patience, stream.read_to_end(&mut answer)).await;
            match (ended, answer.is_empty()) {
                (Err(_), _) => tally.overdue += 1,
                (Ok(_), true) => tally.closed("cut", start.elapsed()),
                (Ok(_), false) => tally.closed("status 503", start.elapsed()),
            }
        }
    }
    tally
}

/// A connection that is used again and again.
struct Caller(BufReader<TcpStream>);

impl Caller {
    async fn dial(arena: &Arena) -> io::Result<Self> {
        Ok(Self(BufReader::new(
            Socket::dial(Arena::one_address(), arena.relay).await?,
        )))
    }

    async fn ask(&mut self, request: String) -> io::Result<(u16, Vec<u8>)> {
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let status = status(&mut self.0).await?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok((status, body))
    }
}

fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {token}\r\n\r\n")
}

fn post(path: &str, body: &impl Serialize) -> String {
    let body = serde_json::to_string(body).unwrap();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Calls again and again, each time as the last answer suggests, and dials again when it was hung up on.
async fn again(arena: &Arena, mut next: impl FnMut(u64, &[u8]) -> String) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let Ok(mut caller) = Caller::dial(arena).await else {
            tally.answer("cut");
            continue;
        };
        let mut last = Vec::new();
        while !arena.is_over() {
            tally.done += 1;
            match caller.ask(next(tally.done, &last)).await {
                Ok((status, answer)) => {
                    tally.status(status);
                    last = answer;
                }
                Err(_) => break,
            }
        }
    }
    tally
}

pub(super) async fn made_up_tokens(arena: Arena) -> Tally {
    let token = || SecretToken::new(random().into()).expose_text().to_string();
    again(&arena, |_, _| get(paths::SESSIONS, &token())).await
}

pub(super) async fn unknown_handles(arena: Arena) -> Tally {
    let number = arena.number;
    again(&arena, |turn, _| start(format!("nobody-{number}-{turn}"))).await
}

/// The id of the login that was begun last, or a made-up one when none was.
pub(super) async fn wrong_passphrases(arena: Arena) -> Tally {
    let handle = arena.cast.mallory.handle();
    again(&arena, |turn, last| {
        if turn % 2 == 1 {
            return start(handle.to_owned());
        }
        let started = serde_json::from_slice::<LoginStarted>(last);
        let finish = LoginFinish {
            login_id: started.map_or(random::<16>().to_vec().into(), |started| started.login_id),
            credential_finalization: random::<64>().to_vec().into(),
            device_name: "a guess".to_owned(),
        };
        post(paths::LOGIN_FINISH, &finish)
    })
    .await
}

fn start(handle: String) -> String {
    let (_, request) = ClientLogin::start(b"a guess").unwrap();
    let start = LoginStart {
        handle,
        credential_request: request.into(),
    };
    post(paths::LOGIN_START, &start)
}
