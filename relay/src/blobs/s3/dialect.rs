//! What a server does of S3.

use std::fmt;

/// How a part is bound to its hash, so that nothing else can be put in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartBinding {
    /// `x-amz-checksum-sha256`, as S3 documents it.
    Checksum,
    /// `x-amz-content-sha256` with the payload's hash, beside the checksum: servers of the MinIO school check this one.
    PayloadHash,
}

/// What a server does of S3, as it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// How a part is bound to its hash; `None` if the server takes any bytes.
    pub binding: Option<PartBinding>,
    /// Whether an object that is put whole is compared with its checksum.
    pub checks_whole: bool,
    /// Whether a part longer than was signed is refused.
    pub checks_length: bool,
    /// Whether an address that was changed is refused.
    pub refuses_forged: bool,
    /// Whether an object cannot be read without a signature.
    pub refuses_anonymous: bool,
    /// Whether parts become the object that they should.
    pub completes: bool,
    /// Whether a part of an object can be read.
    pub serves_ranges: bool,
    /// Whether an upload can be given up.
    pub aborts: bool,
    /// Whether nothing can be put any more at an address of an upload that was completed.
    pub closes: bool,
    /// Whether an address is refused that has expired.
    pub expires: bool,
    /// Whether it keeps an object from being replaced when asked to.
    pub creates_only: bool,
    /// Whether it tells which uploads go on.
    pub lists_uploads: bool,
    /// Whether web pages of the first allowed origin may come; `None` where none is allowed.
    pub answers_web: Option<bool>,
}

/// What the address that clients are told shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicSide {
    /// It serves as it should.
    Serves,
    /// It cannot be reached from here, which says nothing of clients.
    Unreachable(String),
    /// It serves what it should not, or something else.
    Dangers(Vec<&'static str>),
}

impl Dialect {
    /// All that is wished for.
    pub const GOOD: Self = Self {
        binding: Some(PartBinding::Checksum),
        checks_whole: true,
        checks_length: true,
        refuses_forged: true,
        refuses_anonymous: true,
        completes: true,
        serves_ranges: true,
        aborts: true,
        closes: true,
        expires: true,
        creates_only: true,
        lists_uploads: true,
        answers_web: None,
    };

    /// What no production can be run on.
    #[must_use]
    pub fn dangers(&self) -> Vec<&'static str> {
        let judged = [
            (self.refuses_forged, "it takes addresses that were changed"),
            (self.refuses_anonymous, "anybody can read its objects"),
            (self.binding.is_some(), "it takes parts whose checksum is wrong"),
            (self.checks_whole, "it takes objects whose checksum is wrong"),
            (
                self.checks_length,
                "it takes parts that are longer than was signed",
            ),
            (self.completes, "it does not make objects of parts"),
            (self.serves_ranges, "it does not serve parts of objects"),
            (self.aborts, "it does not give up uploads"),
            (
                self.closes,
                "it takes parts of uploads that were completed, or changes objects by them",
            ),
            (self.expires, "it takes addresses that have expired"),
        ];
        let failed = judged.into_iter().filter(|(good, _)| !good);
        failed.map(|(_, danger)| danger).collect()
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = match self.binding {
            Some(PartBinding::Checksum) => "by checksum",
            Some(PartBinding::PayloadHash) => "by payload hash",
            None => "NOT",
        };
        let yes = |good: bool| if good { "yes" } else { "NO" };
        let web = self.answers_web.map_or("not tried", yes);
        write!(
            formatter,
            "parts bound {binding}, whole checksum {}, length {}, forged refused {}, anonymous refused {}, completes {}, \
             ranges {}, abort {}, closed uploads {}, expiry {}, create-only {}, lists uploads {}, web origins {web}",
            yes(self.checks_whole),
            yes(self.checks_length),
            yes(self.refuses_forged),
            yes(self.refuses_anonymous),
            yes(self.completes),
            yes(self.serves_ranges),
            yes(self.aborts),
            yes(self.closes),
            yes(self.expires),
            yes(self.creates_only),
            yes(self.lists_uploads),
        )
    }
}
