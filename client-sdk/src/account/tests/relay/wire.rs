//! Just enough HTTP/1.1 for one client: requests and answers with a length, one after the other.

use std::io;
use std::sync::{Arc, Mutex};

use sealpost_protocol::code::ErrorCode;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{State, Victim};

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

/// What becomes of a request.
enum Outcome {
    Answer(u16, Value),
    Cut,
    ClientDies,
}

pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>, client_dies: Arc<Notify>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, client_dies) = (Arc::clone(&state), Arc::clone(&client_dies));
        // A client that goes away is no fault of the relay.
        tokio::spawn(async move { serve_one(stream, &state, &client_dies).await });
    }
}

async fn serve_one(stream: TcpStream, state: &Mutex<State>, client_dies: &Notify) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream, state).await?;
        let (status, body) = match answer(state, &request) {
            Outcome::Answer(status, body) => (status, body),
            Outcome::Cut => return Ok(()),
            Outcome::ClientDies => {
                client_dies.notify_one();
                // The answer is on its way as long as there is somebody to wait for it.
                std::future::pending().await
            }
        };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await?;
        stream.flush().await?;
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Outcome {
    let mut state = state.lock().unwrap();
    let number = state.asked.len();
    state.asked.push(format!("{} {}", request.method, request.path));
    let strike = state.faults.strike.filter(|strike| strike.after == number);
    if state.faults.gone {
        return Outcome::Cut;
    }
    let answered = match strike {
        Some(strike) if !strike.served => None,
        _ => Some(state.route(request)),
    };
    state.faults.gone = strike.is_some_and(|strike| strike.victim == Victim::Relay);
    match (strike, answered) {
        (Some(strike), _) if strike.victim == Victim::Client => Outcome::ClientDies,
        (Some(strike), _) if strike.victim == Victim::Answer => {
            let failed = ErrorCode::Internal;
            Outcome::Answer(failed.http_status(), refusal(failed))
        }
        (Some(_), _) | (None, None) => Outcome::Cut,
        (None, Some(Ok(body))) => Outcome::Answer(200, body),
        (None, Some(Err(refused))) => Outcome::Answer(refused.http_status(), refusal(refused)),
    }
}

fn refusal(code: ErrorCode) -> Value {
    serde_json::json!({ "code": code.as_str(), "title": "", "status": code.http_status(), "detail": code.advice() })
}

async fn read(stream: &mut BufReader<TcpStream>, state: &Mutex<State>) -> io::Result<Request> {
    let first = read_line(stream).await?;
    let mut words = first.split(' ');
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        token: None,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let line = read_line(stream).await?;
        match line.split_once(": ") {
            None => break,
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("authorization", value)) => {
                request.token = value.strip_prefix("Bearer ").map(str::to_owned)
            }
            Some(_) => {}
        }
    }
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await?;
    state.lock().unwrap().received.extend_from_slice(&request.body);
    Ok(request)
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
