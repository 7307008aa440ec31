//! Bodies that are events, or one document, whichever of the two APIs they belong to.

use flow_runtime_api::{Deltas, Failure};
use serde::de::DeserializeOwned;

use super::BODY_BYTES_MAX;
use crate::http::Body;
use crate::peer::Peer;
use crate::reading::{Broken, Reading};
use crate::stream::{Events, Lines};

/// Takes one piece of an answer.
pub(super) type Take<'a> =
    &'a mut (dyn FnMut(&str, &mut Reading, &mut dyn Deltas) -> Result<(), Broken> + Send);

/// Reads a stream of events up to the one that says that all is sent, or to its end.
pub(super) async fn read(
    peer: &Peer<'_>,
    mut body: Body,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
    take: Take<'_>,
) -> Result<(), Failure> {
    let (mut lines, mut events) = (Lines::default(), Events::default());
    while let Some(bytes) = body.next(peer).await? {
        lines
            .feed(&bytes, |line| events.line(line, |data| event(data, reading, deltas, take)))
            .map_err(|broken: Broken| broken.failure(peer))?;
        if reading.done {
            body.drain().await;
            return Ok(());
        }
    }
    lines
        .finish(|line| events.line(line, |data| event(data, reading, deltas, take)))
        .and_then(|()| events.dispatch(|data| event(data, reading, deltas, take)))
        .map_err(|broken: Broken| broken.failure(peer))
}

/// Reads the data of one event.
pub(super) fn event(
    data: &str,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
    take: Take<'_>,
) -> Result<(), Broken> {
    let text = data.trim();
    if text == "[DONE]" {
        reading.done = true;
        return Ok(());
    }
    if text.is_empty() || reading.done {
        return Ok(());
    }
    take(data, reading, deltas)
}

/// Reads an answer that came in one piece, from a server that doesn't stream.
pub(super) async fn read_whole(
    peer: &Peer<'_>,
    body: Body,
    reading: &mut Reading,
    deltas: &mut dyn Deltas,
    take: Take<'_>,
) -> Result<(), Failure> {
    let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| peer.gibberish("sent bytes that are not UTF-8"))?;
    if text.trim().is_empty() {
        return Ok(());
    }
    take(text, reading, deltas).map_err(|broken| broken.failure(peer))?;
    reading.done = reading.begun;
    Ok(())
}

/// Reads a document of the wire.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Broken> {
    serde_json::from_str(text).map_err(|error| match error.is_eof() {
        true => Broken::Gibberish(format!("cut its answer off inside {}", beginning(text))),
        false => no_answer(text),
    })
}

/// Says that a document is of some other kind.
pub(super) fn no_answer(text: &str) -> Broken {
    Broken::Gibberish(format!("sent something that isn't an answer: {}", beginning(text)))
}

fn beginning(text: &str) -> String {
    text.chars().take(120).collect()
}
