//! What stands for tools until there is one.

use flow_runtime_api::{Failure, HttpAnswer, HttpRequest, Kind, Secret, Tool};

/// Refuses every request.
pub(crate) struct NoTools;

#[async_trait::async_trait]
impl Tool for NoTools {
    async fn http(&self, _: &HttpRequest, _: &[(String, Secret)]) -> Result<HttpAnswer, Failure> {
        Err(Failure::new(Kind::Unavailable, "this flowc can't send a tool's requests"))
    }
}
