//! Reading as clients read: a redirect within the registry is followed where the request asks for it.

use std::sync::Arc;

use url::Url;

use super::{Exchange, Request, Wire, WireError};
use crate::bounds;

impl Wire {
    /// Sends a request and reads the whole answer. A request that is [following](Request::following) is repeated where a
    /// redirect on the registry's own origin leads; each answer is in the transcript, and the last one is the answer.
    ///
    /// # Errors
    /// [`WireError`] when there was no complete answer: no connection, no time left, or a body cut short or too long.
    pub async fn send(&self, request: Request) -> Result<Arc<Exchange>, WireError> {
        let again = request.follows.then(|| request.clone());
        let mut exchange = self.send_once(request).await?;
        let Some(again) = again else { return Ok(exchange) };
        for _ in 0..bounds::REDIRECTS {
            let next = exchange.leads_to().and_then(|next| again.clone().moved(&next, self.registry()));
            let Some(next) = next else { break };
            exchange = self.send_once(next).await?;
        }
        Ok(exchange)
    }
}

impl Exchange {
    /// Where on its own origin it leads, if it is a redirect (RFC 9110, section 15.4).
    fn leads_to(&self) -> Option<Url> {
        let leads = matches!(self.status(), 301 | 302 | 303 | 307 | 308);
        let next = self.url.join(self.header("location").filter(|_| leads)?).ok()?;
        (next.origin() == self.url.origin()).then_some(next)
    }
}
