//! The server side of OPAQUE: drawn once per database, sealed, then kept in memory.

use sealpost_opaque::{ServerSetup, ksf};
use sealpost_protocol::http::KsfParameters;

use super::{
    Directory, DirectoryError,
    ports::RelaySecret,
    seals::{OpenSeals, columns},
};

const SECRET: RelaySecret = RelaySecret::OpaqueServerSetup;

impl Directory {
    /// The public key that clients pin.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn opaque_public_key(&self) -> Result<Vec<u8>, DirectoryError> {
        Ok(self.opaque().await?.public_key().to_vec())
    }

    /// How clients of this relay stretch passphrases.
    pub fn ksf() -> KsfParameters {
        KSF
    }

    /// The secrets, from memory if they were needed before.
    pub(super) async fn opaque(&self) -> Result<&ServerSetup, DirectoryError> {
        self.opaque.get_or_try_init(|| self.load_opaque()).await
    }

    async fn load_opaque(&self) -> Result<ServerSetup, DirectoryError> {
        let seals = self.seals.open().await?;
        let sealed = match self.store.secret(SECRET).await? {
            Some(sealed) => sealed,
            None => self.draw_opaque(&seals).await?,
        };
        let opened = seals.open(columns::RELAY_SECRET, SECRET.name().as_bytes(), &sealed)?;
        ServerSetup::parse(&opened).map_err(|_| DirectoryError::Internal("the OPAQUE setup is malformed"))
    }

    /// Two relays that start at the same time both draw; the first one's setup is the answer to both.
    async fn draw_opaque(&self, seals: &OpenSeals) -> Result<Vec<u8>, DirectoryError> {
        let setup = ServerSetup::generate().serialize();
        let sealed = seals.seal(columns::RELAY_SECRET, SECRET.name().as_bytes(), &setup);
        Ok(self
            .store
            .insert_secret_if_absent(SECRET, &sealed, self.clock.now())
            .await?)
    }
}

pub(super) const KSF: KsfParameters = KsfParameters {
    m_kib: ksf::FLOOR.m_kib,
    t: ksf::FLOOR.t,
    p: ksf::FLOOR.p,
};
