//! Just enough HTTP/1.1 for one client: requests and answers with a length, one after the other.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::State;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        // A client that goes away is no fault of the relay.
        tokio::spawn(async move { serve_one(stream, &state).await });
    }
}

async fn serve_one(stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream, state).await?;
        let Some((status, body)) = answer(state, &request) else {
            return Ok(());
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

/// `None` where the connection is to be cut.
fn answer(state: &Mutex<State>, request: &Request) -> Option<(u16, Value)> {
    let mut state = state.lock().unwrap();
    let number = state.asked.len();
    state.asked.push(format!("{} {}", request.method, request.path));
    let cut = state.faults.cut.filter(|cut| cut.after == number);
    if state.faults.gone || cut.is_some_and(|cut| !cut.served) {
        return None;
    }
    let answered = match state.route(request) {
        Ok(body) => (200, body),
        Err(refused) => (refused.http_status(), refusal(refused)),
    };
    cut.is_none().then_some(answered)
}

fn refusal(code: sealpost_protocol::code::ErrorCode) -> Value {
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
