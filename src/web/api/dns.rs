//! `GET dns`, `POST dns/test`: the name servers in use, and whether they can be relied on.

use crate::net::now_ms;

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError, value};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "dns",
        summary: "The name servers in use, and what the last test has said of them",
        gives: Gives::Object(""),
        run: |api, _| Box::pin(async { api.name_servers() }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "dns/test",
        summary: "Tests the name servers now",
        gives: Gives::Object(""),
        run: |api, _| Box::pin(async { api.test_name_servers().await }),
        ..PLAIN
    },
];

impl Api {
    /// With the result of the last test.
    fn name_servers(&self) -> Answer {
        value(self.board.name_servers(&self.resolver.current()))
    }

    /// Tests them now; takes 12 s at most.
    async fn test_name_servers(&self) -> Answer {
        let name = self.config.current().dns.test_name().to_string();
        let probes = self.resolver.probe(&name).await.map_err(|error| ApiError::Bad(error.to_string()))?;
        self.board.name_servers_tested(now_ms(), probes);
        self.name_servers()
    }
}
