//! A loopback port that stays the same from run to run where it can.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use super::super::{EmbeddedError, folder::replace_file};

/// The port of the last run if it is free, else any free one, which is then remembered.
pub(super) fn choose(folder: &Path) -> Result<u16, EmbeddedError> {
    let file = folder.join("port");
    let remembered = fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(port) = remembered.filter(|port| free(*port).is_ok()) {
        return Ok(port);
    }
    let port = free(0).map_err(EmbeddedError::file("find a free port for", folder))?;
    replace_file(&file, port.to_string().as_bytes())?;
    Ok(port)
}

fn free(port: u16) -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?
        .local_addr()?
        .port())
}

/// Whether a start failed because somebody took the port between our look and the server's.
pub(super) fn was_taken(error: &EmbeddedError) -> bool {
    matches!(error, EmbeddedError::EndedEarly { tail, .. } if tail.contains("address already in use"))
}
