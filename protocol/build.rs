//! Compiles `proto/sealpost.proto` without a system `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(["proto/sealpost.proto"], ["proto"])?;
    println!("cargo:rerun-if-changed=proto/sealpost.proto");
    prost_build::Config::new()
        .bytes(["."])
        // Seldom there, and every answer of a relay would be as large as it.
        .boxed(".sealpost.v1.Nack.tombstone")
        .compile_fds(descriptors)?;
    Ok(())
}
