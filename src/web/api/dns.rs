//! `GET dns`, `POST dns/test`: the name servers in use, and whether they can be relied on.

use crate::net::now_ms;

use super::{Answer, Api, ApiError, value};

impl Api {
    /// With the result of the last test.
    pub(super) fn name_servers(&self) -> Answer {
        value(self.board.name_servers(&self.resolver.current()))
    }

    /// Tests them now; takes 12 s at most.
    pub(super) async fn test_name_servers(&self) -> Answer {
        let name = self.config.current().dns.test_name().to_string();
        let probes = self.resolver.probe(&name).await.map_err(|error| ApiError::Bad(error.to_string()))?;
        self.board.name_servers_tested(now_ms(), probes);
        self.name_servers()
    }
}
