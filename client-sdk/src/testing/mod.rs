//! Parts for the tests of this crate: a transport whose other end is the test, which plays the relay byte by byte.

pub(crate) mod wire;
