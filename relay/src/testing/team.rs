//! A team of Cloudflare Access: RSA keys of its own, and a server that tells the public ones.

use std::{
    convert::Infallible,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use http::Response;
use http_body_util::Full;
use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use url::Url;

use crate::clock::{Clock, SystemClock};

/// The audience tag of the relay in these tests.
pub const AUDIENCE: &str = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";

/// A key that signs assertions.
pub struct TeamKey {
    id: &'static str,
    pair: KeyPair,
}

impl TeamKey {
    /// A new key: two of the same id are different ones.
    pub fn new(id: &'static str) -> Self {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .expect("the tests need openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // PKCS #8 in PEM: what its DER holds differs between versions.
        let pem = String::from_utf8(made.stdout).unwrap();
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Self {
            id,
            pair: KeyPair::from_pkcs8(&STANDARD.decode(lines).unwrap()).unwrap(),
        }
    }

    /// The public part, as a team tells it.
    pub fn public(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({
            "kid": self.id,
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "n": URL_SAFE_NO_PAD.encode(public.n),
            "e": URL_SAFE_NO_PAD.encode(public.e),
        })
    }

    /// An assertion.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "RS256", "kid": self.id, "typ": "JWT"}), claims)
    }

    /// An assertion with another header; the signature is RS256 whatever that says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What fools who takes the algorithm from the assertion: everybody knows the public key.
    pub fn sign_by_public_key(&self, claims: &Value) -> String {
        let message = message(&json!({"alg": "HS256", "kid": self.id}), claims);
        let public = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        let mut mac = Hmac::<Sha256>::new_from_slice(&public.n).unwrap();
        mac.update(message.as_bytes());
        format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// A team and its server.
pub struct TestTeam {
    url: Url,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    answer: Mutex<String>,
    asked: AtomicUsize,
}

impl TestTeam {
    /// A server that tells these keys.
    pub async fn with(keys: &[&TeamKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let team = Self {
            url: url.parse().unwrap(),
            state: Arc::default(),
        };
        team.has(keys);
        tokio::spawn(serve(listener, team.state.clone()));
        team
    }

    /// Where it is; also who it is.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// From now on it tells these keys.
    pub fn has(&self, keys: &[&TeamKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        self.answers(&json!({ "keys": keys }).to_string());
    }

    /// From now on it answers this.
    pub fn answers(&self, answer: &str) {
        *self.state.answer.lock().unwrap() = answer.to_owned();
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Seconds since 1970: the library looks at the real clock.
    pub fn now(&self) -> i64 {
        SystemClock.now().unix_timestamp()
    }

    /// What it says of a person that it lets in.
    pub fn claims(&self) -> Value {
        json!({
            "aud": [AUDIENCE],
            "iss": self.url.origin().ascii_serialization(),
            "sub": "alice",
            "type": "app",
            "iat": self.now(),
            "nbf": self.now(),
            "exp": self.now() + 3_600,
        })
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        let service = service_fn(move |request: http::Request<_>| {
            assert_eq!(request.uri().path(), "/cdn-cgi/access/certs");
            let _: &hyper::body::Incoming = request.body();
            state.asked.fetch_add(1, Ordering::Relaxed);
            let answer = Bytes::from(state.answer.lock().unwrap().clone());
            async { Ok::<_, Infallible>(Response::new(Full::new(answer))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
